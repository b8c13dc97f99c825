"""The world around the bot changes while a video is made: it arrives once, or the reason is shown.

The single parts are tested elsewhere: the fallbacks for a post and outages of an hour in
``unit/services/test_delivery.py``, a database that is locked, read-only or missing in
``contract/storage/test_sqlite_files.py``, the disk and the media worker in ``test_machine.py``.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sandbox.clips import FixedClips
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import STUDIO, TOM, VIDEOS
from tests.e2e.films import film
from tests.reliability.faults import REAL, Call, How
from tests.reliability.harness import Harness, Json, shorten
from tests.reliability.matrix import Row, check_outcome

AWAY_SECONDS = 2.5
PROMPT = "a paper boat"


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    shorten(monkeypatch)
    harness = Harness(folder=tmp_path, clips=FixedClips(film(tmp_path / "film.mp4", seconds=3)))
    with harness.complaints.listening():
        async with harness:
            yield harness


async def ask(harness: Harness, channel: str = "videos") -> Json:
    people = harness.discord.people
    options = {"prompt": PROMPT, "duration": "3"}
    id_ = await people.command("tom", channel, "video", options=options)
    return await people.interaction(id_, wait=12)


async def once_running(harness: Harness) -> None:
    """Until the provider has the task, which then takes a while."""
    await harness.providers.evolink.wait(lambda provider: provider.tasks)


async def at_the_end(harness: Harness, answer: Json) -> Row:
    """Wait, then check: nothing untrue, nobody left waiting, no bug in Retake."""
    row = Row(call="", how="")
    async with asyncio.timeout(40):
        await harness.resting()
    check_outcome(harness, row, PROMPT, answer)
    if harness.discord.world.bot_id not in harness.discord.world.guilds[STUDIO].members:
        # What stands in a server that threw us out cannot be changed any more.
        row.untrue = [untruth for untruth in row.untrue if "its status still says" not in untruth]
    assert row.untrue == []
    assert harness.complaints.said == []
    assert not harness.ended
    return row


STATES = {
    "queued": (Call.MESSAGE, How.SILENT_AFTER),
    "submitting, not taken": (Call.SUBMIT, How.SILENT),
    "submitting, taken": (Call.SUBMIT, How.SILENT_AFTER),
    "running": (Call.QUERY, How.SILENT),
    "ready": (Call.DOWNLOAD, How.SLOW),
    "posting, not posted": (Call.FILE, How.SILENT),
    "posting, posted": (Call.FILE, How.SILENT_AFTER),
}


@pytest.mark.parametrize("state", STATES)
async def test_after_a_stop_in_any_state_the_next_start_goes_on(
    harness: Harness, state: str
) -> None:
    call, how = STATES[state]
    harness.weather.change(call, how, times=1)
    answer = await ask(harness)
    async with asyncio.timeout(10):
        await harness.weather.strikes.wait()
    began = time.monotonic()
    await harness.stop()
    assert time.monotonic() - began < 10
    harness.weather.change(None, None, times=0)
    await harness.start(again=True)
    row = await at_the_end(harness, answer)
    assert row.ended == "delivered"


Change = Callable[[Harness], Awaitable[None]]


async def gateway_drops(harness: Harness) -> None:
    harness.discord.gateway.drop(resumable=True)


async def session_is_invalid(harness: Harness) -> None:
    harness.discord.gateway.invalidate(resumable=False)


async def told_to_reconnect(harness: Harness) -> None:
    harness.discord.gateway.ask_to_reconnect()


async def discord_answers_503(harness: Harness) -> None:
    harness.discord.faults.order({"method": "*", "route": "*", "status": 503, "times": 100_000})
    await REAL.sleep(AWAY_SECONDS)
    harness.discord.faults.clear()


async def discord_is_away(harness: Harness) -> None:
    harness.discord.gateway.drop(resumable=False)
    await harness.down("rest")
    await REAL.sleep(AWAY_SECONDS)
    await harness.up("rest")


async def providers_are_away(harness: Harness) -> None:
    for site in ("evolink", "apimart", "results"):
        await harness.down(site)
    await REAL.sleep(AWAY_SECONDS)
    for site in ("evolink", "apimart", "results"):
        await harness.up(site)


async def status_is_deleted(harness: Harness) -> None:
    world = harness.discord.world
    status = next(m for m in world.messages.values() if m.author_id == world.bot_id and m.is_v2)
    await harness.discord.people.delete("mira", status.id)


async def thread_is_deleted(harness: Harness) -> None:
    threads = [c for c in harness.discord.world.channels.values() if c.thread is not None]
    for thread in threads:
        harness.discord.places.delete_channel(thread)


async def rights_are_taken(harness: Harness) -> None:
    denied = Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS
    channel = harness.discord.world.channels[VIDEOS]
    harness.discord.places.set_permissions(channel, allow=Permission(0), deny=denied)


async def channel_is_deleted(harness: Harness) -> None:
    harness.discord.places.delete_channel(harness.discord.world.channels[VIDEOS])


async def bot_is_kicked(harness: Harness) -> None:
    harness.discord.places.kick_bot(harness.discord.world.guilds[STUDIO])


async def person_leaves(harness: Harness) -> None:
    harness.discord.world.guilds[STUDIO].members.pop(TOM)
    harness.discord.world.users[TOM].dms_open = False


@pytest.mark.parametrize(
    "change",
    [
        gateway_drops, session_is_invalid, told_to_reconnect, discord_answers_503,
        discord_is_away, providers_are_away, status_is_deleted, thread_is_deleted,
        rights_are_taken, channel_is_deleted, bot_is_kicked, person_leaves,
    ],
)  # fmt: skip
async def test_the_video_arrives_all_the_same(harness: Harness, change: Change) -> None:
    harness.providers.evolink.settings.seconds = 1.5
    answer = await ask(harness)
    await once_running(harness)
    await change(harness)
    row = await at_the_end(harness, answer)
    assert row.ended == "delivered"


async def test_when_there_is_no_place_left_it_is_kept_and_costs_nothing(harness: Harness) -> None:
    harness.providers.evolink.settings.seconds = 1.5
    answer = await ask(harness)
    await once_running(harness)
    harness.discord.world.users[TOM].dms_open = False
    await bot_is_kicked(harness)
    async with asyncio.timeout(40):
        await harness.resting()
    (row,) = harness.rows(PROMPT)
    assert (row["state"], row["spent"], row["closes"]) == ("undeliverable", 0, 1)
    assert "On it" in str(answer["responses"])
    assert harness.complaints.said == []
