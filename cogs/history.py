"""Past videos: ``/history`` and its pages, and the buttons Details, Get the file and Delete."""

from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.domain.ids import UserId
from bot.services.delete import DeletionReason
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.cards.details import details_card
from bot.ui.cards.history import history_card
from bot.ui.inbound import context
from bot.ui.inbound.answers import answer, promptly, turn
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.text.naming import file_name
from bot.ui.text.translation import said

SMALLEST_LIMIT = 10 * 2**20
"""The largest file, in bytes, that an answer may have in any server."""


class HistoryCog(commands.Cog):
    """Shows and deletes past videos."""

    def __init__(self, client: RetakeClient) -> None:
        self.client = client

    async def cog_load(self) -> None:
        self.client.handlers |= {
            Action.HISTORY: self.page,
            Action.DETAILS: self.details,
            Action.FETCH: self.fetch,
            Action.DELETE: self.ask_to_delete,
            Action.ERASE: self.delete,
        }

    @app_commands.command(name="history", description=said("command.history.about"))
    @app_commands.describe(member=said("command.history.member"))
    async def history(self, interaction: Interaction, member: discord.User | None = None) -> None:
        who = UserId((member or interaction.user).id)
        await answer(interaction, await self._drawn(interaction, who, 0))

    async def page(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the buttons *Newer* and *Older*."""
        who = pressed.user_id or UserId(interaction.user.id)
        drawn = await self._drawn(interaction, who, pressed.page, in_place=True)
        await turn(interaction, drawn)

    async def details(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Details*."""
        client = interaction.client
        generation = await promptly(
            interaction,
            client.services.history.details(
                pressed.generation(), viewer=context.viewer(interaction)
            ),
            patience=client.options.patience,
        )
        await answer(interaction, details_card(generation, client.card_context(interaction)))

    async def fetch(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Get the file* of a video that could not be posted anywhere."""
        client = interaction.client
        generation, copy = await promptly(
            interaction,
            client.services.history.copy(
                pressed.generation(), viewer=context.viewer(interaction), max_bytes=SMALLEST_LIMIT
            ),
            patience=client.options.patience,
        )
        file = discord.File(copy.path, filename=file_name(generation))
        messages = client.messages(interaction)
        await answer(interaction, messages.say("fetch.here", version=generation.version), file=file)

    async def ask_to_delete(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Delete*: ask first, because a deleted video cannot be restored."""
        client = interaction.client
        messages = client.messages(interaction)
        generation = await client.services.delete.check(
            pressed.generation(), viewer=context.viewer(interaction)
        )
        choice = ui.View(timeout=None)
        choice.add_item(control(Action.ERASE, generation, messages.say("button.erase")))
        await answer(interaction, messages.say("delete.ask"), view=choice)

    async def delete(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Delete for good*."""
        client = interaction.client
        message_gone = await promptly(
            interaction,
            client.services.delete.video(
                pressed.generation(),
                viewer=context.viewer(interaction),
                reason=DeletionReason.BUTTON,
            ),
            patience=client.options.patience,
        )
        key = "delete.done" if message_gone else "delete.message_left"
        await answer(interaction, client.messages(interaction).say(key))

    async def _drawn(
        self, interaction: Interaction, of: UserId, page: int, *, in_place: bool = False
    ) -> ui.LayoutView:
        client = interaction.client
        found = await promptly(
            interaction,
            client.services.history.page(context.reader(interaction), of=of, page=page),
            patience=client.options.patience,
            in_place=in_place,
        )
        own = of == interaction.user.id
        return history_card(found, of=of, own=own, card_context=client.card_context(interaction))


async def setup(client: Any) -> None:
    """Add the cog; the library calls this."""
    await client.add_cog(HistoryCog(client))
