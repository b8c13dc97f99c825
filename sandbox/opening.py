"""What is in the sandbox when it opens: a conversation in #videos, and a post in the forum.

Owns who says what. The real bot plays the conversation, with videos that take no time, so that
every button under it works and every reply to it is an edit. Each start plays it again: the
stand-ins keep nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.models import Channel, ChannelKind, Message, Thread
from sandbox.discord.state.seed import ANA, IDEAS, MIRA, STUDIO, VIDEOS
from sandbox.server import Sandbox

Json = dict[str, Any]

QUICK_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
FOX = "A red fox runs through deep snow, seen from the side"
NIGHT = "Make it night, with stars"
WATERCOLOUR = "Paint it in watercolours"
REJECTED = "Add a bloody fight with a wolf"
SNOW = "Now let heavy snow fall"


def add_post(discord: DiscordStandIn) -> None:
    """Put a post into the forum, for people who want to try a video there."""
    now = discord.clock()
    post = Channel(
        id=discord.ids.next(),
        kind=ChannelKind.PUBLIC_THREAD,
        name="Ideas for the trailer",
        guild_id=STUDIO,
        parent_id=IDEAS,
        thread=Thread(owner_id=ANA, private=False, created_at=now, members={ANA: now}),
    )
    text = "A lighthouse in a storm? A market at dawn? Try them with /video in here."
    message = Message(id=post.id, channel_id=post.id, author_id=ANA, content=text, created_at=now)
    discord.world.add_channel(post)
    discord.world.add_message(message)


async def play(sandbox: Sandbox) -> None:
    """Play the conversation: three versions, a branch of the first one, and an edit that fails.

    Raises:
        TimeoutError: the bot did not do its part.
    """
    async with _quick(sandbox):
        people = sandbox.discord.people
        await people.command(MIRA, VIDEOS, "video", options={"prompt": FOX, "duration": "4"})
        first = await _until(sandbox, lambda message: _is_video(message, FOX))
        await _reply(sandbox, ANA, first, WATERCOLOUR)
        await _reply(sandbox, MIRA, first, NIGHT)
        await _until(sandbox, lambda message: _is_video(message, WATERCOLOUR))
        night = await _until(sandbox, lambda message: _is_video(message, NIGHT))
        sandbox.providers.evolink.add_fault(on="task", kind="moderation")
        await _reply(sandbox, ANA, night, REJECTED)
        await sandbox.discord.wait(
            "MESSAGE_UPDATE",
            lambda message: REJECTED in str(message) and "Failed" in str(message),
            timeout=PATIENCE_SECONDS,
        )
        await _reply(sandbox, MIRA, night, SNOW)
        await _until(sandbox, lambda message: _is_video(message, SNOW))


@asynccontextmanager
async def _quick(sandbox: Sandbox) -> AsyncIterator[None]:
    """Videos take no time; afterwards they take what they took, unless somebody has set it."""
    providers = (sandbox.providers.evolink, sandbox.providers.apimart)
    usual = [provider.settings.seconds for provider in providers]
    for provider in providers:
        provider.settings.seconds = QUICK_SECONDS
    try:
        yield
    finally:
        for provider, seconds in zip(providers, usual, strict=True):
            if provider.settings.seconds == QUICK_SECONDS:
                provider.settings.seconds = seconds
            provider.tell()


async def _reply(sandbox: Sandbox, user: str, to: Json, text: str) -> None:
    await sandbox.discord.people.send(user, to["channel_id"], text, reply_to=to["id"])


async def _until(sandbox: Sandbox, match: Callable[[Json], bool]) -> Json:
    event = await sandbox.discord.wait("MESSAGE_CREATE", match, timeout=PATIENCE_SECONDS)
    return event["data"]


def _is_video(message: Json, words: str) -> bool:
    return bool(message["attachments"]) and words in message["content"]
