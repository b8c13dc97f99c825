"""The whole story on the page, with the real bot behind it: asked, watched, edited, limited."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from sandbox.discord.wire.openapi import OpenApiValidator, document
from tests.e2e.chat import Chat
from tests.e2e.conftest import OpenPage
from tests.e2e.running import Running, running_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("width", [1400, 390])
PATIENCE = 30_000


@dataclass
class Story:
    """The page of one person, and what is behind it."""

    chat: Chat
    running: Running


@pytest_asyncio.fixture(loop_scope="module")
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    validator = OpenApiValidator.load() if document() is not None else None
    async with running_sandbox(tmp_path, validator) as running:
        await running.start_bot()
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def story(running: Running, open_page: OpenPage, width: int) -> Story:
    page = await open_page(running.sandbox.url, width=width)
    return Story(Chat(page=page, standin=running.sandbox.discord), running)


@BOTH
async def test_a_video_is_asked_for_watched_and_edited_again_and_again(story: Story) -> None:
    chat = story.chat
    await chat.composer.focus()
    await chat.type("/video")
    await chat.press("Enter")
    await chat.type("A red kite over the sea")
    await chat.press("Enter")
    receipt = chat.message("Estimated price")
    await expect(receipt).to_contain_text("Only you can see this")
    await expect(receipt).to_contain_text("9 of 10 videos left today")
    status = chat.message("requested by @Tom")
    await expect(status).to_contain_text("A red kite over the sea")
    await expect(status).to_contain_text("Done", timeout=PATIENCE)

    await chat.open("A red kite over")
    await chat.plays(1)
    first = chat.messages.filter(has_text="your video is ready").first
    await expect(first).to_contain_text("@Tom")

    await first.hover()
    await first.get_by_role("button", name="Reply").click()
    await chat.say("make it night")
    await chat.plays(2)
    await expect(chat.message("v2 · Edit of v1 by @Tom")).to_be_visible()

    await first.hover()
    await first.get_by_role("button", name="Reply").click()
    await chat.say("with heavy snow instead")
    await chat.plays(3)
    await expect(chat.message("v3 · Edit of v1 by @Tom")).to_be_visible()

    await chat.button("Edit").click()
    await expect(chat.dialog).to_contain_text("Edit this video")
    words = chat.dialog.get_by_role("textbox").first
    await expect(words).to_have_attribute("placeholder", "Last time: with heavy snow instead")
    await words.fill("and a lighthouse")
    await chat.dialog.get_by_role("button", name="Submit").click()
    await chat.plays(4)
    await expect(chat.message("v4 · Edit of v3 by @Tom")).to_be_visible()
    assert len(story.running.paid()) == 4


@pytest.mark.parametrize("width", [1400])
async def test_limits_set_by_an_administrator_hold_at_once(story: Story) -> None:
    chat = story.chat
    await chat.become("Mira")
    await chat.composer.fill("/limits user")
    await expect(chat.suggestions.first).to_contain_text("limits user")
    await chat.press("Enter")
    await chat.type("tom")
    await chat.press("Enter")
    await chat.type("videos")
    await chat.press("Enter")
    await chat.type("1")
    await chat.press("Enter", "Enter")
    answer = chat.message("0 of 1 today · 1 left")
    await expect(answer).to_contain_text("Only you can see this")
    await chat.become("Tom")
    for prompt in ("the only one", "one too many"):
        await chat.composer.focus()
        await chat.type("/video")
        await chat.press("Enter")
        await chat.type(prompt)
        await chat.press("Enter")
        await chat.messages.filter(has_text="used /video").last.wait_for()
    await expect(chat.message("You've used 1 of 1 video today")).to_contain_text(
        "your personal limit"
    )
    assert len(story.running.paid()) <= 1


@pytest.mark.parametrize("width", [1400])
async def test_a_failing_provider_is_reported_and_does_not_count(story: Story) -> None:
    chat = story.chat
    for name in ("evolink", "apimart"):
        getattr(story.running.sandbox.providers, name).add_fault(on="task", kind="moderation")
    await chat.composer.focus()
    await chat.type("/video")
    await chat.press("Enter")
    await chat.type("something the provider will not make")
    await chat.press("Enter")
    status = chat.message("requested by @Tom")
    await expect(status).to_contain_text("didn't count", timeout=PATIENCE)
    await chat.command("quota")
    await expect(chat.message("0 of 10 today · 10 left")).to_be_visible()
