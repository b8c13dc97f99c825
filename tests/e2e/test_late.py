"""A video that comes after its generation was given up, seen from outside: free, once, and said so;
and the way of a provider's callback to it.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import yarl
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.app.build import Role, build
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code
from bot.domain.generation import Failure, State
from bot.domain.ids import GenerationId
from bot.domain.ports.storage import Transaction
from bot.ops.clock import SystemClock
from bot.settings import load
from bot.storage import open_storage
from bot.web.callbacks import CallbackSigner
from sandbox.clips import FixedClips
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import film
from tests.e2e.running import FREE, Running, running_sandbox
from tests.e2e.test_command_line import CommandLine

KITE = "a red kite over the harbour"


@pytest.fixture
async def running(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[Running]:
    clips = FixedClips(film(tmp_path / "film.mp4"))
    async with running_sandbox(tmp_path, validator, clips=clips, seconds=3600) as running:
        yield running


async def given_up(running: Running) -> GenerationId:
    """One whose task is still being made when its time is over; the bot is killed on the way."""
    await running.start_bot(FREE)
    await running.video(KITE)
    await running.status(KITE, "Working")
    await running.kill_bot()
    (row,) = CommandLine(running).rows("SELECT id FROM generations")
    generation_id = GenerationId(str(row[0]))
    now = SystemClock().now()

    async def expire(tx: Transaction) -> None:
        found = await tx.generations.get(generation_id)
        assert found is not None
        assert found.state is State.RUNNING
        after = replace(
            found,
            state=State.EXPIRED,
            failure=Failure(code=Code.DEADLINE),
            announced=True,
            updated_at=now,
            ended_at=now,
        )
        await tx.generations.save(found, after)
        await tx.ledger.release(generation_id, at=now)

    url = f"sqlite:///{running.folder / 'retake.db'}"
    async with open_storage(url, clock=SystemClock()) as storage:
        await storage.transact(expire)
    return generation_id


def finish(running: Running) -> None:
    book = running.sandbox.providers.evolink.book
    (task,) = book.tasks.values()
    book.finish(task)


async def test_it_is_delivered_free_in_its_thread_and_the_status_turns_green(
    running: Running,
) -> None:
    await given_up(running)
    finish(running)
    await running.start_bot()
    video = await running.film(KITE, version=2)
    assert (
        "It arrived after I'd given up on it, so it didn't count against your limit."
        in (video["content"])
    )
    await running.status(KITE, "Done")
    thread = next(c for c in running.sandbox.discord.world.channels.values() if c.thread)
    assert video["channel_id"] == thread.id
    assert len(running.paid()) == len(running.posted_videos()) == 1
    status, said = await running.check()
    assert status == 0, said
    spent = "SELECT SUM(videos_spent), SUM(videos_held), SUM(seconds_spent) FROM accounts"
    assert CommandLine(running).rows(spent) == [(0, 0, 0)]


async def test_a_callback_about_one_that_was_given_up_has_it_looked_at(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation_id = await given_up(running)
    CommandLine(running).configure("[http]\n", '[http]\npublic_url = "https://video.example.org"\n')
    for owner, name in ((Route, "BASE"), (DiscordWebSocket, "DEFAULT_GATEWAY"), (Asset, "BASE")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back at the end
    async with build(load(running.config), Role.ALL) as parts:
        assert await parts.late.look() == []
        finish(running)
        assert await parts.late.look() == (), "not before its time"
        await parts.web_server.start()
        signer = CallbackSigner(running.sandbox.discord.token)
        url = yarl.URL(signer.callback_url("http://x", ProviderName("evolink"), generation_id))
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{parts.web_server.port}{url.path}") as answer,
        ):
            assert answer.status == 204
        (late,) = await parts.late.look()
        assert late.late
        await parts.web_server.stop()
