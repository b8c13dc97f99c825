"""``/quota``: what I have used, what is left, when it resets, and from which rule."""

from typing import Any

from discord import app_commands
from discord.ext import commands

from bot.ui.cards.limits import quota_card
from bot.ui.inbound import context
from bot.ui.inbound.answers import answer, promptly
from bot.ui.inbound.client import Interaction
from bot.ui.text.translation import said


class QuotaCog(commands.Cog):
    """Shows a member their own quota."""

    @app_commands.command(name="quota", description=said("command.quota.about"))
    async def quota(self, interaction: Interaction) -> None:
        client, who = interaction.client, context.viewer(interaction)
        view = await promptly(
            interaction,
            client.services.limits.quota(who.guild_id, who.user_id),
            patience=client.options.patience,
        )
        messages = client.messages(interaction)
        await answer(interaction, quota_card(view, who=None, messages=messages))


async def setup(client: Any) -> None:
    """Add the cog; the library calls this."""
    await client.add_cog(QuotaCog())
