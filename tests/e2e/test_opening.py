"""The conversation that is there when the sandbox opens: complete, alive, on the first screen."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from sandbox import opening
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.chat import Chat
from tests.e2e.conftest import OpenPage
from tests.e2e.running import running_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_first_visit_begins_in_a_conversation_whose_buttons_work(
    tmp_path: Path, validator: OpenApiValidator | None, open_page: OpenPage
) -> None:
    async with running_sandbox(tmp_path, validator, seconds=8) as running:
        opening.add_post(running.sandbox.discord)
        await running.start_bot()
        await opening.play(running.sandbox)
        providers = running.sandbox.providers
        assert [providers.evolink.settings.seconds, providers.apimart.settings.seconds] == [8, 8]
        assert [fault for fault in providers.evolink.faults.public() if fault] == []
        assert len(running.paid()) == 5

        page = await open_page(running.sandbox.url)
        chat = Chat(page=page, standin=running.sandbox.discord)
        await expect(page.locator(".channel-header h1")).to_have_text(opening.FOX)
        await expect(page.locator("video")).to_have_count(4)
        await expect(page.locator("video").last).to_be_in_viewport()
        for edit in (opening.WATERCOLOUR, opening.NIGHT):
            made = page.locator(".message", has=page.locator("video"), has_text=f"ready: {edit}")
            await expect(made).to_contain_text("Edit of v1 by @")
        await expect(chat.message(opening.SNOW)).to_contain_text("Edit of v")
        await expect(chat.message(opening.REJECTED)).to_contain_text("Failed")
        await chat.button("Details").click()
        await expect(chat.message("Only you can see this")).to_contain_text("Details of v")
        await chat.open("ideas")
        post = page.get_by_role("list", name="Posts").get_by_role("link")
        await expect(post).to_have_text("Ideas for the trailer")
        await post.click()
        await expect(chat.messages).to_have_count(1)

        # The second visit begins where everybody writes.
        await page.goto(running.sandbox.url)
        await expect(page.locator(".channel-header h1")).to_have_text("videos")
        await page.close()
