"""Slash commands on the page: picker, options of every type, files, failures."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import PageHarness

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("width", [1400, 390], indirect=False)


async def received(chat: Chat, harness: PageHarness) -> dict[str, object]:
    """What the bot was given, once its receipt is there."""
    await chat.message("Queued").wait_for()
    return harness.bot.received[-1]


@BOTH
async def test_the_keyboard_alone_makes_a_video(chat: Chat, harness: PageHarness) -> None:
    await chat.composer.focus()
    await chat.type("/vid")
    await expect(chat.suggestions).to_have_count(1)
    await expect(chat.suggestions.first).to_contain_text("Make a short video")
    await expect(chat.suggestions.first).to_contain_text("prompt")
    await chat.press("Enter")
    await chat.type("A fox runs through snow")
    await chat.press("Tab")
    await chat.type("asp")
    await chat.press("Enter", "ArrowDown", "Enter")
    await chat.type("mod")
    await chat.press("Tab")
    await chat.type("pro")
    await expect(chat.suggestions).to_have_count(1)
    await expect(chat.suggestions.first).to_have_text("Omni Pro")
    await chat.press("Enter")
    await chat.press("Enter")
    receipt = chat.message("Queued A fox runs through snow")
    await expect(receipt).to_contain_text("Only you can see this")
    await expect(receipt).to_contain_text("Tom used /video")
    given = await received(chat, harness)
    assert given["prompt"] == "A fox runs through snow"
    assert given["aspect_ratio"] == "9:16"
    assert given["model"] == "omni-pro"
    await expect(chat.composer).to_be_focused()


async def test_every_type_of_option_arrives(chat: Chat, harness: PageHarness) -> None:
    await chat.composer.fill("/video a prompt behind the name")
    form = chat.page.locator(".command-form")
    await expect(form.get_by_role("combobox", name="prompt")).to_have_value(
        "a prompt behind the name"
    )
    for name, typed in (
        ("duration", "7"),
        ("strength", "0.5"),
        ("private", "tr"),
        ("member", "ana"),
        ("role", "edit"),
        ("place", "gen"),
    ):
        await form.get_by_label("Add an option").click()
        await chat.type(name)
        await chat.press("Enter")
        await chat.type(typed)
        if name not in {"duration", "strength"}:
            await expect(chat.suggestions).to_have_count(1)
            await chat.press("Enter")
    await form.get_by_role("combobox", name="prompt").press("Enter")
    given = await received(chat, harness)
    expected = {"duration": 7, "strength": 0.5, "private": True, "member": "ana"}
    assert {key: given[key] for key in expected} == expected
    assert (given["role"], given["place"]) == ("Editors", "general")
    assert given["clip"] is None


async def test_files_by_chooser_drop_and_paste(
    chat: Chat, harness: PageHarness, picture: Path, clip: Path
) -> None:
    await chat.composer.fill("/video with files")
    form = chat.page.locator(".command-form")
    await form.get_by_label("Add an option").fill("image")
    await chat.press("Enter")
    async with chat.page.expect_file_chooser() as choosing:
        await chat.press("Enter")
    await (await choosing.value).set_files(picture)
    await expect(form.locator("[data-option=image]")).to_contain_text("picture.png")
    await expect(form.locator("[data-option=image] .option-file")).not_to_contain_text("%")
    dropped = await chat.page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "fox.mp4", { type: "video/mp4" }));
            return transfer;
        }""",
        list(clip.read_bytes()),
    )
    await chat.page.dispatch_event("main", "dragenter", {"dataTransfer": dropped})
    await expect(chat.page.locator(".drop-cover")).to_be_visible()
    await chat.page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    await expect(chat.page.locator(".drop-cover")).to_be_hidden()
    await expect(form.locator("[data-option=clip]")).to_contain_text("fox.mp4")
    await form.get_by_role("combobox", name="prompt").press("Enter")
    given = await received(chat, harness)
    assert (given["image"], given["clip"]) == ("picture.png", "fox.mp4")


async def test_two_dropped_images_are_two_images(
    chat: Chat, harness: PageHarness, picture: Path
) -> None:
    await chat.composer.fill("/video with two")
    form = chat.page.locator(".command-form")
    dropped = await chat.page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            for (const name of ["one.png", "two.png", "three.png"]) {
                transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
            }
            return transfer;
        }""",
        list(picture.read_bytes()),
    )
    await chat.page.dispatch_event("main", "dragenter", {"dataTransfer": dropped})
    await chat.page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    await expect(form.locator("[data-option=image]")).to_contain_text("one.png")
    await expect(form.locator("[data-option=image2]")).to_contain_text("two.png")
    # Only when no other place is left does an image become the last frame.
    await expect(form.locator("[data-option=last_frame]")).to_contain_text("three.png")
    await form.get_by_role("combobox", name="prompt").press("Enter")
    given = await received(chat, harness)
    names = (given["image"], given["image2"], given["last_frame"])
    assert names == ("one.png", "two.png", "three.png")


async def test_drafts_survive_a_reload(chat: Chat) -> None:
    live = chat.page.locator("body[data-drawn][data-live]")
    await chat.composer.fill("half a thought")
    await chat.open("general")
    await expect(chat.composer).to_have_value("")
    await chat.composer.fill("/video a fox in the snow")
    words = chat.page.locator(".command-form").get_by_role("combobox", name="prompt")
    await words.fill("a fox in deep snow")
    await chat.page.reload()
    await live.wait_for()
    await expect(words).to_have_value("a fox in deep snow")
    await chat.open("videos")
    await expect(chat.composer).to_have_value("half a thought")
    await chat.press("Enter")
    await chat.message("half a thought").wait_for()
    await chat.page.reload()
    await live.wait_for()
    await expect(chat.composer).to_have_value("")
    # Another person on this machine has drafts of their own.
    await chat.open("general")
    await chat.become("Mira")
    await expect(chat.composer).to_have_value("")


async def test_what_is_wrong_is_said_and_not_sent(chat: Chat, harness: PageHarness) -> None:
    before = harness.standin.position
    await chat.composer.fill("/video ")
    await chat.press("Enter")
    await expect(chat.page.locator(".notice")).to_contain_text("prompt: This option is required.")
    await expect(chat.page.get_by_role("combobox", name="prompt")).to_be_focused()
    await chat.type("a fox")
    await chat.page.get_by_label("Add an option").fill("duration")
    await chat.press("Enter")
    await chat.type("99")
    await chat.press("Enter")
    await expect(chat.page.locator(".notice").last).to_contain_text("duration: At most 10.")
    await expect(chat.page.locator("[data-option=duration]")).to_have_attribute("data-invalid", "")
    assert harness.standin.log.newest("INTERACTION_CREATE", after=before) == []


async def test_backspace_and_escape_take_back(chat: Chat) -> None:
    await chat.composer.fill("/video ")
    form = chat.page.locator(".command-form")
    await form.get_by_label("Add an option").fill("duration")
    await chat.press("Enter")
    await expect(form.locator(".option-field")).to_have_count(2)
    await chat.press("Backspace")
    await expect(form.locator(".option-field")).to_have_count(1)
    await chat.press("Escape")
    await expect(form).to_have_count(0)
    await expect(chat.composer).to_be_focused()


@BOTH
async def test_words_go_where_words_are_wanted(chat: Chat) -> None:
    await chat.composer.fill("/note ")
    words = chat.page.get_by_role("combobox", name="words")
    await expect(words).to_be_focused()
    await chat.type("typed at once")
    await chat.press("Enter")
    await expect(chat.message("Noted: typed at once")).to_be_visible()
    await chat.composer.fill("/note ")
    await chat.page.get_by_label("Add an option").focus()
    await chat.type("behind it")
    await chat.press("Enter")
    await expect(words).to_have_value("behind it")
    await chat.press("Enter")
    await expect(chat.message("Noted: behind it")).to_be_visible()


async def test_the_list_filters_and_knows_subcommands(chat: Chat) -> None:
    await chat.composer.fill("/")
    labels = chat.page.locator(".suggestion-label")
    names = ["/choices", "/form", "/ignore", "/layout", "/limits user", "/note", "/think"]
    await expect(labels).to_have_text(["/video", *names])
    await chat.composer.fill("/lim")
    await expect(labels).to_have_text(["/limits user"])
    await chat.composer.fill("/nothing of the kind")
    await expect(chat.page.locator(".suggestions")).to_contain_text("No command fits.")
    await chat.press("Escape")
    await expect(chat.page.locator(".suggestions")).to_be_hidden()
    await chat.composer.fill("/limits user ")
    await chat.page.get_by_label("Add an option").fill("videos")
    await chat.press("Enter")
    await chat.type("4")
    await chat.press("Enter")
    await expect(chat.message("Limit: 4")).to_be_visible()


@BOTH
async def test_thinking_and_the_answer(chat: Chat, harness: PageHarness) -> None:
    await chat.command("think")
    thinking = chat.page.get_by_text("Retake is thinking…")
    await expect(thinking).to_be_visible()
    harness.bot.held.set()
    answer = chat.message("Thought about it.")
    await expect(answer).to_contain_text("Only you can see this")
    await expect(thinking).to_have_count(0)
    await chat.page.reload()
    await expect(answer).to_contain_text("Tom used /think")
    await answer.get_by_role("button", name="Dismiss message").click()
    await expect(answer).to_have_count(0)
    await chat.page.reload()
    await chat.page.locator(".intro h2").wait_for()
    await expect(chat.page.get_by_text("Thought about it.")).to_have_count(0)


@BOTH
async def test_an_application_that_does_not_respond(chat: Chat, harness: PageHarness) -> None:
    before = harness.standin.position
    await chat.command("ignore")
    await expect(chat.page.get_by_text("Sending command…")).to_be_visible()
    await harness.standin.wait("INTERACTION_CREATE", after=before)
    harness.standin.advance(4)
    failed = chat.page.locator(".underway")
    await expect(failed).to_contain_text("The application did not respond")
    await expect(failed).to_contain_text("Only you can see this")
    await failed.get_by_role("button", name="Dismiss message").click()
    await expect(failed).to_have_count(0)


async def test_a_command_mention_starts_the_command(chat: Chat, harness: PageHarness) -> None:
    await chat.said("videos", "Try </video:1> now", by=harness.bot)
    await chat.page.get_by_role("button", name="/video").last.click()
    await expect(chat.page.get_by_role("combobox", name="prompt")).to_be_focused()
