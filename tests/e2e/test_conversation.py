"""Twenty people in one thread: replies, chatter, emoji, second thoughts, another bot.

The real bot orders exactly what they meant. The grace is as in the configuration that people get.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.ui.inbound.client import ClientOptions
from sandbox.discord.state.models import Member, User
from sandbox.discord.state.seed import STUDIO
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.running import FREE, Running, running_bot
from tests.messages_view import Json, answered_text, buttons, words

PEOPLE = 20
GRACE = ClientOptions().reply_grace
CHATTER = (
    "😂", "🔥🔥", "ok", "+1", "<:wow:12345678901234567>", "https://tenor.com/view/wow-gif-1",
    "<@130000000000000003>", "<@130000000000000001> !!",
)  # fmt: skip


@pytest_asyncio.fixture
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    config = FREE.replace("grace_seconds = 0", f"grace_seconds = {GRACE}")
    async with running_bot(tmp_path_factory.mktemp("talk"), validator, config=config) as running:
        for number in range(PEOPLE):
            joins(running, str(131 * 10**15 + number), f"member{number}")
        yield running


def joins(running: Running, user_id: str, name: str, *, bot: bool = False) -> None:
    world = running.sandbox.discord.world
    world.users[user_id] = User(id=user_id, username=name, global_name=None, color="#000", bot=bot)
    world.guilds[STUDIO].members[user_id] = Member(user_id=user_id, joined_at=0)


async def status_of(running: Running, prompt: str) -> Json:
    return await running.status(prompt, "Starting in a moment", seconds=30)


async def test_they_get_what_they_meant_and_nothing_else(running: Running) -> None:
    people = [running.person(f"member{number}") for number in range(PEOPLE)]
    tom = running.person("tom")
    await tom.video("a red kite")
    video = await running.film("a red kite")
    assert video["content"].splitlines()[-1] == "-# Reply to this message to change the video."

    # Some only react, below the video and beside it.
    for person, text in zip(people, CHATTER, strict=False):
        await person.reply(video, text)
    await people[8].write(video["channel_id"], "what a kite")
    bot = running.sandbox.discord
    joins(running, "139000000000000001", "otherbot", bot=True)
    await running.person("otherbot").reply(video, "make it better")

    # Some mean it; some say it differently a moment later, take it back, or press Undo.
    await asyncio.gather(*(people[n].reply(video, f"meant {n}") for n in range(9, 13)))
    reworded = await people[13].reply(video, "before 13")
    deleted = await people[14].reply(video, "deleted 14")
    emptied = await people[15].reply(video, "emptied 15")
    await people[16].reply(video, "undone 16")
    undone = await status_of(running, "undone 16")
    assert set(buttons(undone)) == {"Undo", "Details"}
    pressed = await people[16].press(undone, "Undo")
    assert "Nothing was charged" in answered_text(pressed)
    await status_of(running, "before 13")
    await bot.people.edit(people[13].id, reworded["id"], f"<@{bot.world.bot_id}> meant 13")
    await status_of(running, "deleted 14")
    await bot.people.delete(people[14].id, deleted["id"])
    await status_of(running, "emptied 15")
    await bot.people.edit(people[15].id, emptied["id"], "🔥")

    for number in range(9, 14):
        film = await running.film(f"meant {number}", version=None, seconds=60)
        assert "Reply to this message" not in film["content"]
    for prompt in ("undone 16", "deleted 14", "emptied 15"):
        card = await running.status(prompt, "Cancelled", seconds=30)
        assert "didn't count" in words(card)
    ordered = sorted(
        task.submission.prompt for task in running.sandbox.providers.evolink.tasks.values()
    )
    assert ordered == sorted(["a red kite", *(f"meant {n}" for n in range(9, 14))])
