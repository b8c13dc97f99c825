"""What it means when Discord does not take a message: the map from its answers to ``PostError``.

Owns that map and the timeouts of posting. The message was not accepted if Discord says no; when the
connection broke or the server failed after the request was sent, the message may be there.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import discord
import structlog

from bot.domain.errors import Accepted, Code, PostError

log = structlog.get_logger(__name__)

EDIT_SECONDS = 20.0
SEND_SECONDS = 45.0
UPLOAD_SECONDS = 240.0
LATER_SECONDS = 5.0
BLOCKED_SECONDS = 60.0
"""After a 429 that the library has no answer to: it does not come from Discord's own limits."""

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)
"""What the library raises over an answer that is not what Discord answers: broken JSON, a proxy's
page, a field that is missing. Whatever was asked for may have been done.
"""

TROUBLE = (discord.DiscordException, aiohttp.ClientError, TimeoutError, OSError, *UNREADABLE)
"""What the library raises when Discord says no, says wait, is not there, or makes no sense."""

_LIMITS = frozenset({20016, 20022, 20028, 20029, 30046, 40003})
"""Slow mode, the limits of writing in a channel and a server, those of edits and of new DMs."""

_ON_THE_WAY = frozenset({40333})
"""An "internal network error" before Discord itself has looked at anything."""

_SECONDS = re.compile(r"\d{1,9}(\.\d+)?")

_BY_CODE: dict[int, Code] = {
    10003: Code.POST_TARGET_GONE,  # unknown channel
    10004: Code.POST_TARGET_GONE,  # unknown guild
    10008: Code.POST_TARGET_GONE,  # unknown message: it was there and was deleted
    10013: Code.POST_TARGET_GONE,  # unknown user
    20009: Code.POST_EXPLICIT,
    20026: Code.POST_FORBIDDEN,  # no messages from this bot to people for a while
    20031: Code.POST_FILTERED,  # words that no name may hold
    40004: Code.POST_DISABLED,  # sending messages is switched off for a while
    40005: Code.POST_TOO_LARGE,
    40058: Code.POST_NO_PLACE,  # a forum's post whose author has not written yet
    50001: Code.POST_FORBIDDEN,  # missing access
    50007: Code.POST_FORBIDDEN,  # cannot message this person
    50008: Code.POST_NO_PLACE,  # a channel for other things than messages
    50013: Code.POST_FORBIDDEN,  # missing permissions
    50024: Code.POST_NO_PLACE,  # not in this kind of channel
    50083: Code.POST_LOCKED,  # the thread is archived, and locked
    50278: Code.POST_FORBIDDEN,  # no server in common with this person
    160005: Code.POST_LOCKED,
    160006: Code.POST_NO_PLACE,  # too many threads
    160007: Code.POST_NO_PLACE,  # too many threads of announcements
    200000: Code.POST_FILTERED,  # AutoMod, the message
    200001: Code.POST_FILTERED,  # AutoMod, the title
    240000: Code.POST_LINK_BLOCKED,
    400001: Code.POST_UPLOADS_LIMITED,
}
_BY_STATUS: dict[int, Code] = {
    403: Code.POST_FORBIDDEN,
    404: Code.POST_TARGET_GONE,
    413: Code.POST_TOO_LARGE,
}


def post_error(error: BaseException) -> PostError:
    """What an error of the library says about the message that was to be posted."""
    if isinstance(error, discord.RateLimited):
        return PostError(Code.POST_LIMITED, accepted=Accepted.NO, retry_after=error.retry_after)
    if isinstance(error, discord.HTTPException):
        return _answered(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        # Nothing was sent: there was no connection to send it on.
        return PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=LATER_SECONDS)
    return PostError(Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN, retry_after=LATER_SECONDS)


def logged_in(client: discord.Client) -> None:
    """Go on only when Discord knows us: before that nothing is sent, and nothing can be found.

    Raises:
        PostError: POST_UNAVAILABLE, not accepted, later.
    """
    if client.user is None:
        raise PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=BLOCKED_SECONDS)


@asynccontextmanager
async def outgoing(seconds: float) -> AsyncIterator[None]:
    """Whatever Discord or the way to it does inside becomes a ``PostError``, within that time."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (
        discord.HTTPException,
        discord.RateLimited,
        aiohttp.ClientError,
        TimeoutError,
        OSError,
    ) as error:
        raise post_error(error) from error
    except UNREADABLE as error:
        # Logged in full: a bug of our own must not be mistaken for one of Discord's.
        log.warning("unreadable_answer", exc_info=True)
        raise post_error(error) from error


def _answered(error: discord.HTTPException) -> PostError:
    facts = {"status": error.status, "discord_code": error.code}
    if error.code in _LIMITS:
        return PostError(
            Code.POST_LIMITED, accepted=Accepted.NO, retry_after=_asked(error), **facts
        )
    if error.status == 429 or error.code in _ON_THE_WAY or _is_a_page(error):
        return PostError(
            Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=BLOCKED_SECONDS, **facts
        )
    if error.status >= 500:
        return PostError(
            Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN, retry_after=LATER_SECONDS, **facts
        )
    code = _BY_CODE.get(error.code) or _BY_STATUS.get(error.status, Code.POST_REJECTED)
    return PostError(code, accepted=Accepted.NO, **facts)


def _asked(error: discord.HTTPException) -> float:
    """The seconds that Discord asks to wait, in the header that a 429 carries."""
    named = error.response.headers.get("Retry-After", "").strip()
    return float(named) if _SECONDS.fullmatch(named) else BLOCKED_SECONDS


def _is_a_page(error: discord.HTTPException) -> bool:
    """Whether a refusal is a page of something in between: Discord's own are JSON with a code."""
    kind = error.response.headers.get("Content-Type", "")
    return error.status in {403, 404} and not error.code and "json" not in kind
