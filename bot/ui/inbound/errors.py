"""Errors of commands, buttons, forms and replies become sentences here.

This module owns which sentence a user gets, and that every unknown error is logged with a reference
that the user can pass on.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

import discord
import structlog
from discord import app_commands

from bot.domain.errors import Code, PostError, RetakeError, StorageUnavailable
from bot.ui.text.messages import Messages

log = structlog.get_logger(__name__)


def sentence(error: BaseException, messages: Messages, titles: Mapping[str, str]) -> str:
    """Return the sentence for an error; unknown errors are logged."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, StorageUnavailable):
        log.error("storage_unavailable", error=str(error))
        return messages.say("failure.storage")
    if isinstance(error, discord.HTTPException | PostError):
        # The sentences of a PostError's codes are about a video that could not be posted.
        log.warning("discord_refused", error=str(error))
        return messages.say("failure.unsent")
    if isinstance(error, RetakeError) and error.code is not Code.INTERNAL:
        log.info("refused", code=error.code.value, facts=error.facts)
        return messages.explain(error.code, error.facts, titles=titles)
    if isinstance(error, app_commands.NoPrivateMessage):
        return messages.explain(Code.GUILD_ONLY, {})
    if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        log.warning("command_outdated", error=str(error))
        return messages.say("failure.outdated_command")
    reference = secrets.token_hex(3)
    log.error("unexpected", reference=reference, exc_info=error)
    return messages.say("failure.unexpected", reference=reference)


@dataclass(frozen=True, kw_only=True)
class ErrorBoundary:
    """A context in which every error ends as a sentence that ``tell`` shows to the user."""

    messages: Messages
    titles: Mapping[str, str]
    tell: Callable[[str], Awaitable[None]]

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        # Let cancellation propagate.
        if not isinstance(error, Exception):
            return False
        await self.tell(sentence(error, self.messages, self.titles))
        return True
