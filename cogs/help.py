"""``/help``, and one answer for those who mention the bot or write to it without a command."""

import time
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui.cards.help import help_card
from bot.ui.inbound import replies
from bot.ui.inbound.answers import answer
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.text.translation import said

QUIET_SECONDS = 60.0
"""How long a member gets no second answer in the same channel."""


class HelpCog(commands.Cog):
    """Shows people how to begin."""

    def __init__(self, client: RetakeClient) -> None:
        self.client = client
        self.clock = time.monotonic
        self._answered: dict[tuple[int, int], float] = {}

    @app_commands.command(name="help", description=said("command.help.about"))
    async def help(self, interaction: Interaction) -> None:
        admin = interaction.guild_id is not None and interaction.permissions.manage_guild
        await answer(
            interaction, help_card(interaction.client.card_context(interaction), admin=admin)
        )

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A message to the bot that is neither a command nor a reply gets one answer."""
        if message.author.bot or message.type is not discord.MessageType.default:
            return
        if not self.client.serves(message.guild.id if message.guild is not None else None):
            return
        if replies.speaks_to_us(self.client, message) and self._may_answer(message):
            await replies.greet(message)

    def _may_answer(self, message: discord.Message) -> bool:
        now, who = self.clock(), (message.channel.id, message.author.id)
        self._answered = {one: at for one, at in self._answered.items() if now - at < QUIET_SECONDS}
        return self._answered.setdefault(who, now) == now


async def setup(client: Any) -> None:
    """Called by the library when the cog is loaded."""
    await client.add_cog(HelpCog(client))
