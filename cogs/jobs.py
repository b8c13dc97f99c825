"""Videos in progress: ``/jobs``, and the buttons Cancel, Discard and Deliver."""

from typing import Any

from discord import app_commands, ui
from discord.ext import commands

from bot.domain.generation import State
from bot.services.cancel import CancelResult
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.cards.jobs import jobs_card
from bot.ui.inbound import context
from bot.ui.inbound.answers import answer, promptly
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.text.translation import said


class JobsCog(commands.Cog):
    """Shows and cancels videos in progress."""

    def __init__(self, client: RetakeClient) -> None:
        self.client = client

    async def cog_load(self) -> None:
        self.client.handlers |= {
            Action.CANCEL: self.cancel,
            Action.DROP: self.drop,
            Action.DELIVER: self.deliver,
        }

    @app_commands.command(name="jobs", description=said("command.jobs.about"))
    async def jobs(self, interaction: Interaction) -> None:
        client = interaction.client
        found = await promptly(
            interaction,
            client.services.jobs.of(context.viewer(interaction)),
            patience=client.options.patience,
        )
        await answer(interaction, jobs_card(found, client.card_context(interaction)))

    async def cancel(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Cancel*: ask what to do with a video that is already submitted."""
        client = interaction.client
        messages = client.messages(interaction)
        result, generation = await promptly(
            interaction,
            client.services.cancel.request(
                pressed.generation(), viewer=context.viewer(interaction)
            ),
            patience=client.options.patience,
        )
        if result is CancelResult.CANCELLED:
            await answer(interaction, messages.say("cancel.done"))
        elif result is CancelResult.ENDED:
            await answer(interaction, messages.say("cancel.ended"))
        else:
            choice = ui.View(timeout=None)
            choice.add_item(control(Action.DROP, generation, messages.say("button.drop")))
            choice.add_item(control(Action.DELIVER, generation, messages.say("button.deliver")))
            await answer(interaction, messages.say("cancel.submitted"), view=choice)

    async def drop(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Discard*."""
        await self._choose(interaction, pressed, wanted=False)

    async def deliver(self, interaction: Interaction, pressed: ControlId) -> None:
        """Handle the button *Deliver*."""
        await self._choose(interaction, pressed, wanted=True)

    async def _choose(self, interaction: Interaction, pressed: ControlId, *, wanted: bool) -> None:
        client = interaction.client
        messages, cancel = client.messages(interaction), client.services.cancel
        decide = cancel.keep if wanted else cancel.drop
        generation = await promptly(
            interaction,
            decide(pressed.generation(), viewer=context.viewer(interaction)),
            patience=client.options.patience,
        )
        if generation.state is State.CANCELLED and generation.task is None:
            message_key = "cancel.done"
        elif generation.ended:
            message_key = "cancel.ended"
        elif wanted:
            message_key = "cancel.kept"
        elif generation.state is State.POSTING:
            message_key = "cancel.dropped_late"
        else:
            message_key = "cancel.dropped"
        await answer(interaction, messages.say(message_key))


async def setup(client: Any) -> None:
    """Add the cog; the library calls this."""
    await client.add_cog(JobsCog(client))
