"""The real bot killed with SIGKILL at telling moments: its next start delivers once, pays once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.discord.wire.openapi import OpenApiValidator, document
from tests.e2e.running import Running, running_sandbox


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    validator = OpenApiValidator.load() if document() is not None else None
    async with running_sandbox(tmp_path, validator) as running:
        yield running


async def delivered_once(running: Running) -> None:
    await running.next_video()
    # A second video would only mean something if it were asked for after the first arrived.
    position = running.sandbox.discord.position
    await running.video("another one, to be sure that nothing comes late")
    await running.next_video(after=position)
    assert len(running.posted_videos()) == 2
    assert len(running.paid()) == 2
    status, said = await running.check()
    assert status == 0, said


async def test_killed_while_the_provider_works(running: Running) -> None:
    await running.start_bot()
    running.sandbox.providers.evolink.settings.seconds = 4
    await running.video("a paper boat in the rain")
    await running.sandbox.providers.evolink.wait(lambda provider: provider.paid)
    await running.kill_bot()
    running.sandbox.providers.evolink.settings.seconds = 1
    await running.start_bot()
    await delivered_once(running)


async def test_killed_before_the_answer_to_the_paid_post(running: Running) -> None:
    await running.start_bot()
    provider = running.sandbox.providers.evolink
    provider.add_fault(on="submit", kind="delay", seconds=30)
    await running.video("a paper boat in the rain")
    await provider.wait(lambda provider: provider.calls)
    await running.kill_bot()
    provider.faults.clear()
    await running.start_bot()
    await delivered_once(running)


async def test_killed_after_the_post_before_it_was_written_down(running: Running) -> None:
    await running.start_bot()
    discord = running.sandbox.discord
    running.sandbox.providers.evolink.settings.seconds = 3
    await running.video("a paper boat in the rain")
    await discord.wait("THREAD_CREATE", timeout=10)
    # The answer is lost, so whatever the bot does next, it cannot know that the post arrived.
    discord.faults.order(
        {"method": "POST", "route": "/channels/{channel_id}/messages", "drop": "after", "times": 9}
    )
    await running.next_video()
    await running.kill_bot()
    discord.faults.clear()
    await running.start_bot()
    await delivered_once(running)


async def test_on_a_stop_signal_it_ends_in_order_and_goes_on_later(running: Running) -> None:
    await running.start_bot()
    running.sandbox.providers.evolink.settings.seconds = 3
    await running.video("a paper boat in the rain")
    await running.sandbox.providers.evolink.wait(lambda provider: provider.paid)
    assert await running.bot.stop() == 0
    await running.start_bot()
    await delivered_once(running)


async def test_two_bots_on_one_database_are_refused_with_a_sentence(running: Running) -> None:
    await running.start_bot()
    first = running.bot
    try:
        running.bot = type(first)(config=running.config, log=running.folder / "second.log")
        await running.bot.start()
        assert await running.bot.wait() == 1
        said = (running.folder / "second.log").read_text()
        assert "Another bot is running on this database" in said
        assert "Traceback" not in said
    finally:
        running.bot = first
