"""The panel of the providers: money, speed, faults to come, tasks, calls."""

import aiohttp
import pytest
from playwright.async_api import Locator, expect

from sandbox.providers import EVOLINK_KEY
from tests.e2e.chat import Chat
from tests.e2e.conftest import OpenPage, PageHarness

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def submit(harness: PageHarness, prompt: str) -> int:
    """A task of EvoLink, as the bot would submit it; the status of the answer."""
    body = {"model": "gemini-omni-flash-text-to-video", "prompt": prompt}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{harness.url}/evolink/v1/videos/generations",
            json=body,
            headers={"Authorization": f"Bearer {EVOLINK_KEY}"},
        ) as answer,
    ):
        return answer.status


def card(chat: Chat) -> Locator:
    return chat.page.get_by_role("region", name="EvoLink", exact=True)


async def shown(chat: Chat, width: int) -> Locator:
    if width < 1100:
        await chat.page.get_by_role("button", name="Video services").click()
    evolink = card(chat)
    await expect(evolink.get_by_role("heading", name="EvoLink")).to_be_visible()
    return evolink


@pytest.mark.parametrize("width", [1400, 390])
async def test_a_task_from_its_beginning_to_its_end(
    chat: Chat, harness: PageHarness, width: int
) -> None:
    harness.providers.evolink.settings.seconds = 600
    evolink = await shown(chat, width)
    await expect(evolink).to_contain_text("No videos yet")
    assert await submit(harness, "A fox runs through snow") == 200
    task = evolink.locator(".task")
    await expect(task).to_contain_text("Text to video")
    await expect(task.locator(".task-prompt")).to_have_text("A fox runs through snow")
    await expect(task.get_by_role("progressbar")).to_be_visible()
    await task.get_by_role("button", name="Finish now").click()
    await expect(task.locator(".task-facts")).to_contain_text("completed")
    await expect(task.get_by_role("progressbar")).to_have_count(0)
    charged = f"${harness.providers.evolink.charged_usd:.3f}".removesuffix("0")
    await expect(evolink.locator(".charged")).to_have_text(charged)
    link = task.get_by_role("link", name="Result")
    await expect(link).to_be_visible()
    async with chat.page.context.expect_page() as opening:
        await link.click()
    result = await opening.value
    await result.wait_for_function("() => document.querySelector('video')?.readyState > 0")
    await result.close()
    await evolink.get_by_text("Last calls").click()
    await expect(evolink.locator(".call").last).to_contain_text(
        "POST/evolink/v1/videos/generations"
    )


async def test_progress_moves_without_being_asked(chat: Chat, harness: PageHarness) -> None:
    harness.providers.evolink.settings.seconds = 20
    evolink = await shown(chat, 1400)
    await submit(harness, "slowly")
    bar = evolink.get_by_role("progressbar")
    await expect(bar).not_to_have_attribute("aria-valuenow", "0", timeout=10_000)
    await evolink.get_by_role("button", name="Fail", exact=True).click()
    await expect(evolink.locator(".task")).to_have_class("task bad")
    await expect(evolink.locator(".task-error")).to_be_visible()
    await expect(evolink.locator(".task-facts")).to_contain_text("not charged")


async def test_the_speed_is_set_with_the_slider(chat: Chat, harness: PageHarness) -> None:
    evolink = await shown(chat, 1400)
    slider = evolink.get_by_role("slider", name="EvoLink: seconds per video")
    await expect(evolink.locator("output")).to_have_text("8 s")
    await slider.focus()
    async with chat.page.expect_response("**/control/providers/evolink"):
        await chat.press("ArrowRight")
    assert harness.providers.evolink.settings.seconds == 9
    await expect(evolink.locator("output")).to_have_text("9 s")


@pytest.mark.parametrize(
    ("preset", "status"), [("Out of credit", 402), ("Too busy", 429), ("Broken", 500)]
)
async def test_the_next_request_is_refused(
    chat: Chat, harness: PageHarness, preset: str, status: int
) -> None:
    evolink = await shown(chat, 1400)
    await evolink.get_by_role("button", name=preset).click()
    await expect(evolink.locator(".waiting-faults")).to_contain_text(f"Next: {preset}")
    assert await submit(harness, "refused") == status
    await expect(evolink.locator(".waiting-faults")).to_be_hidden()
    assert await submit(harness, "taken") == 200


async def test_the_answer_to_the_next_request_is_lost(chat: Chat, harness: PageHarness) -> None:
    harness.providers.evolink.settings.seconds = 600
    evolink = await shown(chat, 1400)
    await evolink.get_by_role("button", name="Answer lost").click()
    await expect(evolink.locator(".waiting-faults")).to_contain_text("Next: Answer lost")
    with pytest.raises(aiohttp.ClientError):
        await submit(harness, "lost")
    await expect(evolink.locator(".task-prompt")).to_have_text("lost")


@pytest.mark.parametrize(
    ("preset", "kind"), [("Rejected", "bad"), ("Fails", "bad"), ("No video", "good")]
)
async def test_what_becomes_of_the_next_video(
    chat: Chat, harness: PageHarness, preset: str, kind: str
) -> None:
    harness.providers.evolink.settings.seconds = 1
    evolink = await shown(chat, 1400)
    await evolink.get_by_role("button", name=preset).click()
    await expect(evolink.locator(".waiting-faults")).to_contain_text(f"Next: {preset}")
    await submit(harness, "doomed")
    await expect(evolink.locator(".waiting-faults")).to_be_hidden()
    await expect(evolink.locator(".task")).to_have_class(f"task {kind}")


async def test_waiting_faults_are_cleared(chat: Chat, harness: PageHarness) -> None:
    evolink = await shown(chat, 1400)
    await evolink.get_by_role("button", name="Broken").click()
    await evolink.get_by_role("button", name="Clear").click()
    await expect(evolink.locator(".waiting-faults")).to_be_hidden()
    assert await submit(harness, "taken") == 200


# The page goes before what it asks: pytest tears fixtures down in the reverse order.
async def test_many_waiting_faults_leave_their_button_whole(
    harness: PageHarness, open_page: OpenPage
) -> None:
    chat = Chat(page=await open_page(f"{harness.url}/", width=390), standin=harness.standin)
    evolink = await shown(chat, 390)
    for preset in ("Rejected", "Fails", "No video", "Out of credit"):
        await evolink.get_by_role("button", name=preset).click()
    await expect(evolink.locator(".waiting-faults")).to_contain_text("Out of credit")
    # Asked in the page: each fault draws the button again.
    await chat.page.wait_for_function("""() => {
        const clear = document.querySelector("[data-provider=evolink] .waiting-faults button");
        return clear.offsetWidth > clear.offsetHeight;
    }""")


async def test_a_long_prompt_stays_in_its_card(chat: Chat, harness: PageHarness) -> None:
    harness.providers.evolink.settings.seconds = 600
    evolink = await shown(chat, 1400)
    await submit(harness, "<b>x</b> " + "very long words " * 40)
    task = evolink.locator(".task")
    await expect(task.locator(".task-prompt")).to_contain_text("<b>x</b>")
    inner, outer = await task.bounding_box(), await evolink.bounding_box()
    assert inner is not None
    assert outer is not None
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
    assert inner["height"] < 140
