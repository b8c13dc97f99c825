"""Components on the page, of both generations, and the forms they open."""

from pathlib import Path

import discord
import pytest
from playwright.async_api import expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import PageHarness
from tests.e2e.showcase import Finished

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("width", [1400, 390])


async def finished(chat: Chat, harness: PageHarness) -> None:
    """A finished video in the channel, with its buttons."""
    await chat.said(
        "videos",
        "**v1** is ready",
        file=harness.bot.finished(),
        view=Finished(harness.bot),
        by=harness.bot,
    )
    await chat.message("v1 is ready").wait_for()


@BOTH
async def test_a_video_plays_inline_next_to_its_buttons(chat: Chat, harness: PageHarness) -> None:
    await finished(chat, harness)
    message = chat.message("v1 is ready")
    video = message.locator("video")
    for attribute, value in (("controls", ""), ("playsinline", ""), ("preload", "metadata")):
        await expect(video).to_have_attribute(attribute, value)
    await expect(video).to_have_attribute("aria-label", "A fox runs through snow")
    await chat.page.wait_for_function(
        "() => { const video = document.querySelector('video');"
        " return video?.readyState > 0 && video.videoWidth === 640 }"
    )
    await video.evaluate("async v => { v.muted = true; await v.play() }")
    await chat.page.wait_for_function("() => document.querySelector('video').currentTime > 0.1")
    box, row = await video.bounding_box(), await message.locator(".action-row").bounding_box()
    assert box is not None
    assert row is not None
    assert 1.7 < box["width"] / box["height"] < 1.85
    assert box["y"] + box["height"] <= row["y"]
    names = ["✏️Edit", "🔄Again", "Ignored", "Extend", "Website"]
    await expect(message.locator(".button")).to_have_text(names)
    await expect(chat.button("Extend")).to_be_disabled()
    link = message.get_by_role("link", name="Website")
    await expect(link).to_have_attribute("href", "https://retake.example/")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    colours = {
        await chat.button(name).evaluate("node => getComputedStyle(node).backgroundColor")
        for name in ("Edit", "Again", "Ignored", "Extend")
    }
    assert len(colours) == 4


async def test_a_pressed_button_answers_to_its_presser_alone(
    chat: Chat, harness: PageHarness
) -> None:
    await finished(chat, harness)
    await chat.button("Again").click()
    answer = chat.message("Queued again.")
    await expect(answer).to_contain_text("Only you can see this")
    await expect(answer.locator(".reference")).to_contain_text("v1 is ready")
    await chat.become("Ana")
    await chat.message("v1 is ready").wait_for()
    await expect(chat.page.get_by_text("Queued again.")).to_have_count(0)


async def test_a_press_without_an_answer(chat: Chat, harness: PageHarness) -> None:
    await finished(chat, harness)
    before = harness.standin.position
    await chat.button("Ignored").click()
    await expect(chat.page.locator(".button.waiting")).to_have_attribute("aria-busy", "true")
    await harness.standin.wait("INTERACTION_CREATE", after=before)
    harness.standin.advance(4)
    alert = chat.message("v1 is ready").get_by_role("alert")
    await expect(alert).to_have_text("The application did not respond")
    await expect(chat.page.locator(".button.waiting")).to_have_count(0)
    await chat.button("Again").click()
    await chat.message("Queued again.").wait_for()
    await expect(alert).to_have_count(0)


@BOTH
async def test_a_form_is_filled_in_and_sent(
    chat: Chat, harness: PageHarness, picture: Path
) -> None:
    await finished(chat, harness)
    await chat.button("Edit").click()
    form = chat.dialog
    await expect(form.get_by_role("heading", name="Edit this video")).to_be_visible()
    await expect(form).to_contain_text("Editing v1 of A fox runs through snow")
    await expect(form).to_contain_text("Describe only the change")
    prompt = form.get_by_role("textbox", name="What should change?")
    await expect(prompt).to_have_value("make it night")
    await expect(prompt).to_be_focused()
    await prompt.fill("")
    await form.get_by_role("button", name="Submit").click()
    problems = form.get_by_role("alert").filter(has_text="This field is required.")
    await expect(problems).to_have_count(1)
    await expect(form.get_by_text("Choose one.")).to_be_visible()
    await prompt.fill("no")
    await form.get_by_role("button", name="Submit").click()
    await expect(form.get_by_text("At least 3 characters.")).to_be_visible()
    await prompt.fill("with stars\nand a moon")
    await form.get_by_role("radio", name="Portrait").check()
    await form.get_by_role("checkbox", name="Keep it private").check()
    async with chat.page.expect_file_chooser() as choosing:
        await form.get_by_role("button", name="References").click()
    await (await choosing.value).set_files([picture, picture])
    await expect(form.locator(".upload-card")).to_have_count(2)
    await form.get_by_role("button", name="Remove picture.png").first.click()
    await expect(form.locator(".upload-card")).to_have_count(1)
    await form.get_by_role("button", name="Submit").click()
    await expect(form).to_have_count(0)
    await expect(chat.message("Editing: with stars")).to_contain_text("16, private True, 1 files")
    assert harness.bot.received[-1]["prompt"] == "with stars\nand a moon"


async def test_a_form_with_selects(chat: Chat, harness: PageHarness) -> None:
    await chat.command("form")
    form = chat.dialog
    await form.get_by_role("textbox", name="Name").fill("short")
    await form.get_by_role("button", name="Model").click()
    await chat.press("ArrowDown", "Enter")
    await expect(form.get_by_role("button", name="Model: Pro")).to_be_focused()
    await form.get_by_role("button", name="For whom").click()
    await chat.page.get_by_role("option", name="Ana").click()
    await form.get_by_role("textbox", name="Name").press("Enter")
    await expect(chat.message("Chosen:")).to_be_visible()
    assert harness.bot.received[-1] == {
        "name": "short",
        "model": ["pro"],
        "who": [harness.standin.world.user("ana").id],
    }


async def test_escape_closes_the_list_first_and_then_the_form(chat: Chat) -> None:
    await chat.command("form")
    await chat.dialog.get_by_role("button", name="Model").click()
    await expect(chat.page.get_by_role("listbox", name="Model")).to_be_visible()
    await chat.press("Escape")
    await expect(chat.page.get_by_role("listbox", name="Model")).to_have_count(0)
    await expect(chat.dialog).to_be_visible()
    await chat.press("Escape")
    await expect(chat.dialog).to_have_count(0)
    await expect(chat.composer).to_be_focused()


@BOTH
async def test_the_newer_components(chat: Chat) -> None:
    await chat.command("layout")
    message = chat.message("A layout")
    container = message.locator(".container")
    await expect(container.get_by_role("heading", name="A layout")).to_be_visible()
    accent = "node => getComputedStyle(node, '::before').backgroundColor"
    assert await container.evaluate(accent) == "rgb(88, 101, 242)"
    await expect(container.locator(".section .thumbnail img")).to_be_visible()
    await expect(container.locator(".separator.wide")).to_be_visible()
    await expect(container.get_by_label("A fox in a gallery")).to_be_visible()
    cover = container.get_by_role("button", name="Spoiler: press to show")
    await expect(cover.locator("img")).to_be_hidden()
    await cover.click()
    await expect(container.locator(".gallery .spoiler img")).to_be_visible()
    await expect(container.locator(".file-chip a").first).to_have_text("notes.txt")
    await expect(message.locator(".small-text")).to_have_text("under the container")
    loaded = "nodes => nodes.every(node => node.complete && node.naturalWidth === 320)"
    await chat.page.wait_for_function(
        f"() => ({loaded})([...document.querySelectorAll('.container img')])"
    )


async def test_an_edit_leaves_what_did_not_change(chat: Chat) -> None:
    await chat.command("layout")
    message = chat.message("A layout")
    await message.locator("video").evaluate("node => { node.id = 'kept' }")
    await chat.button("Pressed 0 times").focus()
    await chat.press("Enter")
    await expect(chat.button("Pressed 1 times")).to_be_focused()
    await expect(message.locator("video")).to_have_id("kept")
    await expect(message).to_contain_text("(edited)")


async def test_an_embed(chat: Chat) -> None:
    await chat.command("choices")
    embed = chat.page.locator(".embed")
    await expect(embed.locator(".embed-title")).to_have_attribute("href", "https://retake.example/")
    await expect(embed.locator(".embed-description strong")).to_have_text("words")
    await expect(embed.locator(".embed-field-name")).to_have_text(["Model", "Length"])
    await expect(embed.locator(".embed-footer")).to_have_text("a footer")
    await expect(embed.locator(".thumbnail img")).to_be_visible()
    colour = await embed.evaluate("node => getComputedStyle(node).borderLeftColor")
    assert colour == "rgb(46, 204, 113)"


@BOTH
async def test_selects_by_keyboard_and_pointer(chat: Chat, harness: PageHarness) -> None:
    await chat.command("choices")
    await chat.page.get_by_role("button", name="Pick a model").click()
    listbox = chat.page.get_by_role("listbox", name="Pick a model")
    await expect(listbox.get_by_role("option")).to_have_text(["⚡Flashquick", "Pro"])
    await chat.press("ArrowDown", "Enter")
    await expect(chat.message("You chose ['pro']")).to_be_visible()

    await chat.page.get_by_role("button", name="Pick several").click()
    await chat.type("1")
    await expect(chat.page.get_by_role("option")).to_have_count(3)
    await chat.press("Enter", "ArrowDown", "Enter")
    await chat.press("Escape")
    await expect(chat.message("You chose ['1', '10']")).to_be_visible()

    await chat.page.get_by_role("button", name="Pick somebody").click()
    await chat.page.get_by_role("option", name="Mira").click()
    mira = harness.standin.world.user("mira").id
    await expect(chat.message(f"You chose ['{mira}']")).to_be_visible()

    await chat.page.get_by_role("button", name="Pick a channel").click()
    await chat.page.get_by_role("option", name="general").click()
    general = harness.standin.world.channel("general").id
    await expect(chat.message(f"You chose ['{general}']")).to_be_visible()


async def test_several_videos_in_one_message(chat: Chat, harness: PageHarness) -> None:
    files = [discord.File(harness.bot.clip, f"{name}.mp4") for name in ("one", "two")]
    await chat.said("videos", "a pair", files=files, by=harness.bot)
    videos = chat.message("a pair").locator("video")
    await expect(videos).to_have_count(2)
    await chat.page.wait_for_function(
        "() => [...document.querySelectorAll('video')].every(video => video.readyState > 0)"
    )
    first, second = await videos.first.bounding_box(), await videos.last.bounding_box()
    assert first is not None
    assert second is not None
    assert first["y"] + first["height"] <= second["y"]


async def test_a_file_that_is_gone_says_so(chat: Chat, harness: PageHarness) -> None:
    await chat.open("general")
    await chat.said("videos", "soon gone", file=harness.bot.finished(), by=harness.bot)
    await chat.page.route("**/cdn/**", lambda route: route.fulfill(status=200, body="no video"))
    await chat.open("videos")
    await expect(chat.message("soon gone")).to_contain_text("cannot be loaded any more")
