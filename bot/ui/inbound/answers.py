"""Answering one interaction: within three seconds, once, and only to the user it concerns.

This module owns the choice between a direct answer and a deferred one. A user who sees no answer
has lost nothing: the request is committed before, so a failure to answer is logged, not raised.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import discord
import structlog
from discord import ui

from bot.domain.errors import Accepted, Code, PostError
from bot.ui.discord_errors import UPLOAD_SECONDS, outgoing

log = structlog.get_logger(__name__)

T = TypeVar("T")

LONGEST_SECONDS = 10.0
ALREADY_ACKNOWLEDGED = 40060


async def answer(
    interaction: discord.Interaction[Any],
    content: str | ui.LayoutView,
    *,
    view: ui.View | None = None,
    file: discord.File | None = None,
) -> None:
    """Answer for this user only; after a deferred answer, as its follow-up."""
    said: dict[str, Any] = {"ephemeral": True}
    if file is not None:
        said["file"] = file
    if isinstance(content, ui.LayoutView):
        said["view"] = content
    else:
        said["content"] = content
        if view is not None:
            said["view"] = view
    try:
        async with outgoing(LONGEST_SECONDS if file is None else UPLOAD_SECONDS):
            await _say(interaction, said)
    except PostError as error:
        log.warning("answer_not_shown", interaction=interaction.id, error=str(error))
        if file is not None:
            messages = interaction.client.messages(interaction)
            await answer(interaction, messages.say("failure.file_not_sent"))
    finally:
        if file is not None:
            file.close()


async def _say(interaction: discord.Interaction[Any], said: dict[str, Any]) -> None:
    if not interaction.response.is_done():
        try:
            response = await interaction.response.send_message(**said)
        except discord.HTTPException as error:
            # Discord acknowledged it, but its response to us was lost: the answer is a follow-up.
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
            interaction.client.rivals.answered_elsewhere(interaction.id, interaction.created_at)
        else:
            _check_file(response.resource, said)
            return
    _check_file(await interaction.followup.send(**said, wait=True), said)


def _check_file(sent: object, said: dict[str, Any]) -> None:
    if "file" in said and isinstance(sent, discord.Message) and not sent.attachments:
        raise PostError(Code.POST_INCOMPLETE, accepted=Accepted.NO)


async def turn(
    interaction: discord.Interaction[Any],
    content: str | ui.LayoutView,
    *,
    view: ui.View | None = None,
) -> None:
    """Replace the message whose button was pressed."""
    # A message with a card has no other content.
    text, shown = (content, view) if isinstance(content, str) else (None, content)
    try:
        async with outgoing(LONGEST_SECONDS):
            if interaction.response.is_done():
                await interaction.edit_original_response(content=text, view=shown)
            else:
                await interaction.response.edit_message(content=text, view=shown)
    except PostError as error:
        log.warning("answer_not_shown", interaction=interaction.id, error=str(error))


async def open_form(interaction: discord.Interaction[Any], form: ui.Modal) -> None:
    """Show a form, which is possible only as the first answer."""
    try:
        async with outgoing(LONGEST_SECONDS):
            await interaction.response.send_modal(form)
    except PostError as error:
        log.warning("form_not_shown", interaction=interaction.id, error=str(error))
        _look_for_rivals(interaction, error)


async def think(interaction: discord.Interaction[Any], *, in_place: bool = False) -> None:
    """Acknowledge now, answer later (within 15 minutes).

    ``in_place`` is true if the answer will replace the message whose button was pressed.
    """
    if interaction.response.is_done():
        return
    try:
        async with outgoing(LONGEST_SECONDS):
            await interaction.response.defer(ephemeral=not in_place, thinking=not in_place)
    except PostError as error:
        log.warning("not_acknowledged", interaction=interaction.id, error=str(error))
        _look_for_rivals(interaction, error)


def _look_for_rivals(interaction: discord.Interaction[Any], error: PostError) -> None:
    if error.facts.get("discord_code") == ALREADY_ACKNOWLEDGED:
        interaction.client.rivals.answered_elsewhere(interaction.id, interaction.created_at)


async def promptly(
    interaction: discord.Interaction[Any],
    work: Coroutine[Any, Any, T],
    *,
    patience: float,
    in_place: bool = False,
) -> T:
    """Return the result of ``work``. After ``patience`` seconds, acknowledge the interaction first.

    ``in_place`` is as in ``think``.
    """
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            done, _ = await asyncio.wait({task}, timeout=patience)
            if not done:
                await think(interaction, in_place=in_place)
    except BaseExceptionGroup as failed:
        # One task, so one error.
        raise failed.exceptions[0] from None
    return task.result()
