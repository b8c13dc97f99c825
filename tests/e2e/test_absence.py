"""Replies written while the real bot was killed or stopped: each becomes its edit exactly once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.discord.wire.openapi import OpenApiValidator, document
from tests.e2e.running import Json, Running, running_sandbox

LATE = "I was offline when you wrote this"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    validator = OpenApiValidator.load() if document() is not None else None
    async with running_sandbox(tmp_path, validator) as running:
        yield running


def late_words(running: Running, thread: str) -> list[str]:
    """The messages of which the bot said that they come late."""
    return [
        message["message_reference"]["message_id"]
        for message in running.messages(thread)
        if LATE in message["content"]
    ]


@pytest.mark.parametrize("killed", [True, False])
async def test_a_reply_to_an_absent_bot_is_answered_once(running: Running, killed: bool) -> None:
    await running.start_bot()
    tom, ana = running.person("tom"), running.person("ana")
    await running.video("a quiet harbour")
    video: Json = await running.film("a quiet harbour")
    await (running.kill_bot() if killed else running.bot.stop())
    asked = await tom.reply(video, "let it snow")
    await ana.reply(video, "lovely", ping=False)
    await ana.reply(video, "🔥")
    await running.start_bot()
    edit = await running.film("let it snow", version=2)
    assert edit["channel_id"] == video["channel_id"]
    # Another absence: the same messages are read again, and nothing comes of them.
    await (running.kill_bot() if killed else running.bot.stop())
    await running.start_bot()
    await tom.reply(edit, "and now the sun")
    await running.film("and now the sun", version=3)
    assert [call["prompt"] for _, call in running.submitted("let it snow")] == ["let it snow"]
    assert len(running.paid()) == 3
    assert late_words(running, video["channel_id"]) == [asked["id"]]
    status, said = await running.check()
    assert status == 0, said
