"""The real client with its real cogs against the stand-in, on services in memory."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import discord
import pytest
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.domain.generation import Generation
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action
from bot.ui.inbound.client import ClientOptions, RetakeClient, configure_endpoints
from cogs import EXTENSIONS
from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import GENERAL, VIDEOS
from tests.fakes.services import FakeServices
from tests.messages_view import words

Json = dict[str, Any]


@dataclass
class Retake:
    """The bot as people meet it, and the services behind it."""

    client: RetakeClient
    services: FakeServices
    standin: DiscordStandIn

    async def settled(self, interaction_id: str) -> Json:
        """An interaction once it was answered: with its answer as this person saw it."""
        found = await self.standin.people.interaction(interaction_id, wait=5)
        assert found["state"] != "failed", found["error"]
        return found

    def said(self) -> list[Json]:
        """Every answer of the bot below a message, the oldest first."""
        world = self.standin.world
        return [
            self.standin.render.message(message)
            for message in world.messages.values()
            if message.author_id == world.bot_id and message.reference and not message.attachments
        ]

    async def post_video(
        self, generation: Generation, *, channel: str = VIDEOS, content: str = "Your video is ready"
    ) -> discord.Message:
        """A finished video as the bot posts it, known to the services."""
        place = self.client.get_partial_messageable(int(channel))
        file = discord.File(io.BytesIO(b"film"), filename="fox-v1.mp4")
        message = await place.send(content, file=file, view=video_view(generation))
        self.services.lookup.videos[message.id] = generation
        self.services.history.items.append(generation)
        return message

    async def public_thread(self, *, channel: str = GENERAL) -> discord.Thread:
        place = self.client.get_channel(int(channel))
        assert isinstance(place, discord.TextChannel)
        return await place.create_thread(name="talk", type=discord.ChannelType.public_thread)

    async def command(
        self,
        user: str,
        name: str,
        *,
        channel: str = "videos",
        path: tuple[str, ...] = (),
        **options: Any,
    ) -> Json:
        people = self.standin.people
        return await self.settled(
            await people.command(user, channel, name, path=path, options=options)
        )

    async def press(self, user: str, message_id: str, custom_id: str) -> Json:
        return await self.settled(await self.standin.people.press(user, message_id, custom_id))

    async def submit(self, user: str, interaction: Json, **values: Any) -> Json:
        return await self.settled(await self.standin.people.submit(user, interaction["id"], values))

    async def menu(self, user: str, name: str, message_id: str, *, channel: str = "videos") -> Json:
        return await self.settled(
            await self.standin.people.context(user, channel, name, message_id)
        )


def texts(interaction: Json) -> str:
    """All words of an interaction's answers."""
    return "\n".join(words(message) for message in interaction["responses"])


def video_view(generation: Generation) -> discord.ui.View:
    """The buttons under a finished video."""
    view = discord.ui.View(timeout=None)
    for verb in (Action.EDIT, Action.AGAIN, Action.EXTEND, Action.DETAILS, Action.DELETE):
        view.add_item(control(verb, generation, verb.value.title()))
    return view


Starting = Callable[..., Any]


@pytest.fixture
async def start(
    standin: DiscordStandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Starting]:
    """Starts the bot; several starts are restarts or several bots, as the test likes."""
    for owner, name in (
        (Route, "BASE"),
        (DiscordWebSocket, "DEFAULT_GATEWAY"),
        (Asset, "BASE"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    configure_endpoints(f"{standin.base_url}/api/v10", standin.gateway_url)

    async def no_wait(self: object, shard_id: object, *, initial: bool = False) -> None:
        """A fresh identify waits five seconds for Discord's sake."""

    monkeypatch.setattr(RetakeClient, "before_identify_hook", no_wait)
    running: list[tuple[RetakeClient, asyncio.Task[None]]] = []

    async def starting(*, attached: bool = True, **options: Any) -> Retake:
        client = RetakeClient(
            extensions=EXTENSIONS, options=ClientOptions(guild_ready_timeout=0.1, **options)
        )
        services = FakeServices()
        if attached:
            client.attach(services.as_services())
        ready = asyncio.Event()

        async def on_ready() -> None:
            ready.set()

        client.add_listener(on_ready)
        task = asyncio.create_task(client.start(standin.token))
        running.append((client, task))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        waiting.cancel()
        if not ready.is_set():
            await task
        return Retake(client, services, standin)

    yield starting
    for client, task in running:
        await client.close()
        await asyncio.wait({task}, timeout=5)


@pytest.fixture
async def retake(start: Starting) -> Retake:
    """The bot, ready."""
    return await start()
