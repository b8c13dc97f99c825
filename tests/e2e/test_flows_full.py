"""No room for files, at EvoLink or on our own disk: nothing is lost or paid for in vain."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clips import FixedClips
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.providers import rules
from sandbox.providers.hosting import Upload
from tests.e2e.films import film, picture
from tests.e2e.running import FREE, QUICK, Running, running_sandbox
from tests.messages_view import answered_text, buttons

NO_ROOM = "My disk is full or can't be written"


@pytest.fixture
async def running(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[Running]:
    """A bot with EvoLink alone."""
    clips = FixedClips(film(tmp_path / "film.mp4"))
    async with running_sandbox(tmp_path, validator, clips=clips, seconds=0.4) as running:
        alone = re.sub(r"\[providers\.apimart\]\n(.+\n)+", "", running.config.read_text())
        running.config.write_text(alone)
        await running.start_bot(FREE + QUICK)
        yield running


async def test_words_alone_pass_while_evolinks_file_service_is_full(running: Running) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    hosting = running.sandbox.providers._hosting["evolink"]
    rule = rules.EVOLINK_UPLOADS
    others = [
        hosting.keep(Upload(name="other.png", body=picture()), rule) for _ in range(rule.most_files)
    ]
    images = [await tom.upload("mine.png", picture()) for _ in range(3)]
    for number, image in enumerate(images):
        await tom.video(f"with a picture {number}", image=image)
    dm = running.sandbox.discord.world.dm(running.user("mira"))
    assert dm is not None
    alert = await running.says(dm.id, "**Retake needs your attention.**")
    assert "can't store any more uploaded files" in alert["content"]
    await ana.video("only words")
    await running.film("only words")
    refused = await ana.video("one more", image=await ana.upload("more.png", picture()))
    assert "having trouble" in answered_text(refused)
    assert "Retry" in buttons(refused["responses"][0])
    assert [
        prompt for number in range(3) for prompt in running.submitted(f"with a picture {number}")
    ] == []
    for other in others:
        hosting.remove(other.token)


async def test_our_own_full_disk_refuses_before_anything_is_paid(running: Running) -> None:
    tom = running.person("tom")
    scratch = running.folder / "media" / "scratch"
    image = await tom.upload("mine.png", picture())
    scratch.rename(scratch.with_name("away"))
    scratch.write_text("in the way of every file")
    refused = await tom.video("with a picture", image=image)
    assert NO_ROOM in answered_text(refused)
    assert NO_ROOM in answered_text(await tom.video("only words"))
    assert running.submissions() == []
    assert "0 in progress" in answered_text(await tom.command("quota"))
    scratch.unlink()
    scratch.with_name("away").rename(scratch)
    (message,) = refused["responses"]
    await asyncio.gather(*(tom.press(message, "Retry") for _ in range(2)))
    await running.film("with a picture")
    await tom.video("to be sure")
    await running.film("to be sure")
    assert len(running.submitted("with a picture")) == 1
    calls = running.sandbox.providers.evolink.calls
    assert len([call for call in calls if (call.op, call.method) == ("upload", "POST")]) == 1
    assert len(running.paid()) == 2
