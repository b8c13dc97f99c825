"""Where a video goes when its place will not have it, and how small it must be: the real bot."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.clips import FixedClips
from sandbox.discord.state.models import Channel, ChannelKind
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import OTHER, STUDIO
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import film
from tests.e2e.running import Running, running_bot
from tests.messages_view import Json, answered_text, buttons, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

THREADS = Permission.CREATE_PUBLIC_THREADS | Permission.CREATE_PRIVATE_THREADS
WRITING = Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "small.mp4")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None, small: Path
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("delivery")
    async with running_bot(folder, validator, clips=FixedClips(small)) as running:
        yield running


def room(running: Running, name: str, guild_id: str = STUDIO) -> Channel:
    """A new channel of a server, told to the bot."""
    discord = running.sandbox.discord
    channel = discord.world.add_channel(
        Channel(id=discord.ids.next(), kind=ChannelKind.TEXT, name=name, guild_id=guild_id)
    )
    discord.places.set_permissions(channel, allow=Permission(0), deny=Permission(0))
    return channel


async def under_way(running: Running, prompt: str, channel: Channel, *, by: str = "tom") -> Json:
    """A video that is being made and will not be done by itself; its status message."""
    provider = running.sandbox.providers.evolink
    provider.add_fault(on="task", kind="stuck")
    await running.person(by).video(prompt, channel=channel.id)
    await provider.wait(lambda g: any(t.submission.prompt == prompt for t in g.tasks.values()))
    return await running.status(prompt, "requested by")


def finish(running: Running, prompt: str) -> None:
    book = running.sandbox.providers.evolink.book
    (task,) = [task for task in book.tasks.values() if task.submission.prompt == prompt]
    book.finish(task)


def thread_of(running: Running, status: Json) -> Channel:
    return running.sandbox.discord.world.channels[status["id"]]


def dm_of(running: Running, name: str) -> Channel:
    dm = running.sandbox.discord.world.dm(running.user(name))
    assert dm is not None
    return dm


async def test_without_the_right_to_threads_it_comes_in_the_channel(running: Running) -> None:
    channel = room(running, "no-threads")
    running.sandbox.discord.places.set_permissions(channel, allow=Permission(0), deny=THREADS)
    await running.person("tom").video("no thread for me", channel=channel.id)
    video = await running.film("no thread for me")
    assert video["channel_id"] == channel.id
    second = await running.person("tom").reply(video, "still none")
    edited = await running.film("still none", version=2)
    assert edited["channel_id"] == second["channel_id"] == channel.id


async def test_a_deleted_thread_gives_way_to_its_channel(running: Running) -> None:
    channel = room(running, "thread-goes")
    status = await under_way(running, "my thread is gone", channel)
    running.sandbox.discord.places.delete_channel(thread_of(running, status))
    finish(running, "my thread is gone")
    video = await running.film("my thread is gone")
    assert video["channel_id"] == channel.id
    done = await running.status("my thread is gone", "🟢 **Done**")
    assert buttons(done)["Watch"].endswith(f"/{channel.id}/{video['id']}")


async def test_an_archived_thread_wakes_up(running: Running) -> None:
    channel = room(running, "thread-sleeps")
    status = await under_way(running, "wake up", channel)
    running.sandbox.discord.membership.archive(thread_of(running, status), archived=True)
    finish(running, "wake up")
    video = await running.film("wake up")
    assert video["channel_id"] == status["id"]
    thread = thread_of(running, status).thread
    assert thread is not None
    assert not thread.archived


async def test_a_locked_thread_gives_way_to_its_channel(running: Running) -> None:
    channel = room(running, "thread-locks")
    status = await under_way(running, "locked out", channel)
    thread = thread_of(running, status)
    running.sandbox.discord.membership.archive(thread, archived=True)
    running.sandbox.discord.membership.lock(thread)
    finish(running, "locked out")
    video = await running.film("locked out")
    assert video["channel_id"] == channel.id


async def test_a_deleted_channel_gives_way_to_a_direct_message(running: Running) -> None:
    channel = room(running, "channel-goes")
    await under_way(running, "nowhere to go", channel)
    running.sandbox.discord.places.delete_channel(channel)
    finish(running, "nowhere to go")
    video = await running.film("nowhere to go")
    assert video["channel_id"] == dm_of(running, "tom").id
    history = answered_text(await running.person("tom").command("history", channel="videos"))
    assert "**nowhere to go**\n-# v1 · done · [open](<https://discord.com/channels/@me/" in history
    # What was posted here can be worked with here.
    assert "### Details of v1" in answered_text(await running.person("tom").press(video, "Details"))


async def test_without_the_right_to_write_nothing_is_taken_on(running: Running) -> None:
    channel = room(running, "read-only")
    running.sandbox.discord.places.set_permissions(
        channel, allow=Permission(0), deny=WRITING | THREADS
    )
    answered = await running.person("tom").video("cannot speak", channel=channel.id)
    assert "I need these permissions: Send Messages." in answered_text(answered)
    tasks = running.sandbox.providers.evolink.tasks.values()
    assert [task for task in tasks if task.submission.prompt == "cannot speak"] == []


async def test_without_the_right_any_more_it_comes_in_a_direct_message(running: Running) -> None:
    channel = room(running, "falls-silent")
    await under_way(running, "silenced", channel)
    running.sandbox.discord.places.set_permissions(
        channel, allow=Permission(0), deny=WRITING | THREADS
    )
    finish(running, "silenced")
    video = await running.film("silenced")
    assert video["channel_id"] == dm_of(running, "tom").id
    assert (
        "I'm not allowed to post where you asked, so I posted the video here." in video["content"]
    )


async def test_a_video_that_discord_loses_is_posted_once_more(running: Running) -> None:
    channel = room(running, "lossy")
    status = await under_way(running, "lost and found", channel)
    running.sandbox.discord.restrictions.losing_files = 1
    finish(running, "lost and found")
    video = await running.film("lost and found")
    assert video["channel_id"] == status["id"]
    thread = thread_of(running, status)
    ready = [m for m in thread.messages.values() if "your video is ready" in m.content]
    assert [message.id for message in ready] == [video["id"]]


async def test_when_nobody_can_be_reached_it_stays_in_the_history(running: Running) -> None:
    channel = room(running, "all-shut")
    ana = running.person("ana")
    await under_way(running, "a letter undelivered", channel, by="ana")
    running.sandbox.discord.world.user("ana").dms_open = False
    running.sandbox.discord.places.delete_channel(channel)
    charged = len(running.posted_videos())
    finish(running, "a letter undelivered")
    await running.person("tom").video("to see that it is over", channel="videos")
    await running.film("to see that it is over")
    shown = await entry(running, "a letter undelivered")
    assert "couldn't be posted" in shown
    running.sandbox.discord.world.user("ana").dms_open = True
    assert len(running.posted_videos()) == charged + 1
    listed = (await ana.command("history"))["responses"][0]
    details = await ana.press(listed, "Details")
    assert "**State** couldn't be posted" in answered_text(details)
    fetched = await ana.press(details["responses"][0], "Get the file")
    assert len(fetched["responses"][0]["attachments"]) == 1


async def entry(running: Running, prompt: str) -> str:
    """Ana's history, once it holds a prompt."""
    ana = running.person("ana")
    text = ""
    for _ in range(20):
        text = answered_text(await ana.command("history"))
        if prompt in text:
            return text
        await running.sandbox.discord.wait(
            "EXCHANGE", after=running.sandbox.discord.position, timeout=10
        )
    raise AssertionError(text)


async def test_a_bot_that_was_thrown_out_writes_directly(running: Running) -> None:
    channel = room(running, "other-room", guild_id=OTHER)
    await under_way(running, "thrown out", channel)
    running.sandbox.discord.places.kick_bot(running.sandbox.discord.world.guild(OTHER))
    finish(running, "thrown out")
    video = await running.film("thrown out")
    assert video["channel_id"] == dm_of(running, "tom").id


async def test_too_large_is_made_smaller_and_the_limit_is_learned(
    running: Running, tmp_path: Path
) -> None:
    guild = running.sandbox.discord.world.guild(STUDIO)
    large = film(tmp_path / "large.mp4", seconds=4, size="640x360", kbit=3000)
    size = large.stat().st_size
    assert size > 1_200_000
    clips = running.clips
    assert isinstance(clips, FixedClips)
    before, clips._path = clips._path, large
    # Above the least that is ever tried, which is far below any limit of Discord's.
    guild.upload_limit = 1_200_000
    try:
        await running.person("tom").video("a heavy load")
        video = await running.film("a heavy load")
        assert video["attachments"][0]["size"] <= 1_200_000
        assert "smaller preview" not in video["content"]
        refused = uploads(running, 413)
        assert refused
        await running.person("tom").video("another heavy load")
        second = await running.film("another heavy load")
        assert second["attachments"][0]["size"] <= 1_200_000
        assert uploads(running, 413) == refused
    finally:
        clips._path = before
        guild.upload_limit = None


def uploads(running: Running, status: int) -> list[int]:
    """The numbers of the exchanges that posted a message and were answered so."""
    return [
        exchange["n"]
        for exchange in running.sandbox.discord.exchanges
        if exchange["status"] == status and re.search("/messages$", exchange["path"])
    ]


async def test_much_too_large_is_a_preview_with_a_way_to_the_original(
    running: Running, tmp_path: Path
) -> None:
    guild = running.sandbox.discord.world.guild(STUDIO)
    large = film(tmp_path / "large.mp4", seconds=10, size="1920x1080", rate=30, kbit=1800)
    clips = running.clips
    assert isinstance(clips, FixedClips)
    before, clips._path = clips._path, large
    guild.upload_limit = 1_150_000
    try:
        await running.person("tom").video("far too heavy")
        video = await running.film("far too heavy", seconds=60)
        assert video["attachments"][0]["size"] <= 1_150_000
        assert video["attachments"][0]["height"] == 480
        said = words(video)
        assert "This is a smaller preview: the full video is too large to upload here." in said
        (task,) = [
            task
            for task in running.sandbox.providers.evolink.tasks.values()
            if task.submission.prompt == "far too heavy"
        ]
        url = running.sandbox.providers.evolink.results(task)[0]
        assert f"[Get the original](<{url}>)" in said
    finally:
        clips._path = before
        guild.upload_limit = None
