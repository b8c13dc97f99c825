"""The chat itself: first visit, messages, replies, files, threads, people, interruptions."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from sandbox.discord.state.seed import GENERAL, MIRA, TOM, VIDEOS
from tests.e2e.chat import Chat
from tests.e2e.conftest import OpenPage, PageHarness
from tests.integration.discord_standin.pictures import png

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("width", [1400, 390])


@BOTH
async def test_a_first_visit(chat: Chat) -> None:
    page = chat.page
    await expect(page.locator(".channel-header h1")).to_have_text("videos")
    await expect(page.locator(".person-text strong")).to_have_text("Tom")
    assert page.url.endswith(f"#/channel/{VIDEOS}?user={TOM}")
    await expect(page).to_have_title("#videos · Retake")
    await expect(page.get_by_role("heading", name="Welcome to #videos")).to_be_visible()
    hint = page.locator(".hint")
    await expect(hint).to_have_text("Type /video, or reply to a video to change it")
    await hint.get_by_role("button", name="Dismiss hint").click()
    await page.reload()
    await page.locator(".intro h2").wait_for()
    await expect(hint).to_be_hidden()


async def test_a_link_leads_to_a_channel_and_a_person(
    harness: PageHarness, open_page: OpenPage
) -> None:
    page = await open_page(f"{harness.url}/#/channel/{GENERAL}?user={MIRA}")
    await expect(page.locator(".channel-header h1")).to_have_text("general")
    await expect(page.locator(".person-text")).to_contain_text("mira · Admin")
    await page.locator(".channel-link", has_text="videos").click()
    await expect(page.locator(".channel-header h1")).to_have_text("videos")
    await page.go_back()
    await expect(page.locator(".channel-header h1")).to_have_text("general")


async def test_a_link_to_a_message_leads_to_it_in_here(chat: Chat, harness: PageHarness) -> None:
    source = await harness.bot.place(GENERAL).send("the one that is meant")
    await harness.bot.place(GENERAL).send("the one after it")
    await chat.said("videos", f"[see it]({source.jump_url})", by=harness.bot)
    await chat.page.get_by_role("link", name="see it").click()
    await expect(chat.page.locator(".channel-header h1")).to_have_text("general")
    meant = chat.message("the one that is meant")
    await expect(meant).to_be_focused()
    await expect(meant).to_have_class("message flash")
    assert len(chat.page.context.pages) == 1


async def test_a_link_that_leads_nowhere_ends_at_the_first_channel(
    harness: PageHarness, open_page: OpenPage
) -> None:
    page = await open_page(f"{harness.url}/#/channel/{GENERAL}0?user={TOM}")
    await expect(page.locator(".channel-header h1")).to_have_text("videos")


@BOTH
async def test_the_newest_stays_in_sight_while_media_load(chat: Chat, harness: PageHarness) -> None:
    for number in range(4):
        await chat.said("videos", f"video {number}", file=harness.bot.finished(), by=harness.bot)
    await chat.page.wait_for_function(
        "() => [...document.querySelectorAll('video')].slice(-2).every(v => v.readyState > 0)"
        " && document.querySelectorAll('video').length === 4"
    )
    await expect(chat.messages.last.locator("video")).to_be_in_viewport(ratio=0.95)
    await chat.page.locator(".scroller").hover()
    await chat.page.mouse.wheel(0, -400)
    jump = chat.page.get_by_role("button", name="Jump to present")
    await expect(jump).to_be_visible()
    await jump.click()
    await expect(jump).to_be_hidden()


async def test_growth_in_two_steps_does_not_let_go_of_the_newest(chat: Chat) -> None:
    """The event of our own scrolling comes when the list has already grown again."""
    assert chat.standin is not None
    for number in range(30):
        await chat.standin.people.send("mira", "videos", f"line {number}")
    await chat.message("line 29").wait_for()
    left = await chat.page.evaluate(
        """async () => {
            const frame = () =>
                new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            const scroller = document.querySelector(".scroller");
            const last = [...document.querySelectorAll(".message")].at(-1);
            last.style.paddingBottom = "100px";
            await frame();
            last.style.paddingBottom = "500px";
            await frame();
            await frame();
            return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
        }"""
    )
    assert left < 2


@BOTH
async def test_writing_over_several_lines(chat: Chat, harness: PageHarness) -> None:
    await chat.composer.focus()
    await chat.type("first")
    await chat.press("Shift+Enter")
    await chat.type("second")
    await chat.press("Enter")
    await expect(chat.message("first").locator(".markdown")).to_have_text("first\nsecond")
    await expect(chat.composer).to_have_value("")
    await chat.say("right after")
    grouped = chat.message("right after")
    await expect(grouped).to_have_class("message grouped")
    await harness.standin.people.send("mira", "videos", "and I")
    await expect(chat.message("and I").locator(".author-name")).to_have_text("Mira")


async def test_names_become_mentions(chat: Chat, harness: PageHarness) -> None:
    await chat.composer.focus()
    await chat.type("hey @ret")
    await expect(chat.suggestions).to_have_count(1)
    await chat.press("Tab")
    await chat.type("see #gen")
    await chat.press("Enter")
    await chat.press("Enter")
    message = chat.message("hey")
    await expect(message.locator(".mention")).to_have_text(["@Retake", "#general"])
    sent = list(harness.standin.world.messages.values())[-1]
    bot = harness.standin.world.bot_id
    assert sent.content == f"hey <@{bot}> see <#{GENERAL}>"
    assert bot in sent.mentions


async def test_too_long_a_message_is_kept_back(chat: Chat) -> None:
    await chat.composer.fill("x" * 2001)
    await expect(chat.page.locator(".composer-count")).to_have_text("-1")
    await chat.press("Enter")
    await expect(chat.page.locator(".notice")).to_contain_text("at most 2000 characters")
    await expect(chat.messages).to_have_count(0)


@BOTH
async def test_files_are_sent_and_shown(chat: Chat, picture: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("some notes " * 200)
    await chat.page.get_by_role("button", name="Add a file or use a command").click()
    async with chat.page.expect_file_chooser() as choosing:
        await chat.menu.get_by_role("menuitem", name="Upload a file").click()
    await (await choosing.value).set_files([picture, notes, notes])
    cards = chat.page.locator(".composer .upload-card")
    await expect(cards).to_have_count(3)
    await cards.last.get_by_role("button", name="Remove notes.txt").click()
    await expect(cards).to_have_count(2)
    await chat.say("two files")
    message = chat.message("two files")
    await expect(message.locator("img")).to_be_visible()
    await expect(message.locator(".file-chip")).to_contain_text("2.1 KiB")
    await expect(cards).to_have_count(0)
    await message.get_by_role("button", name="Enlarge: picture.png").click()
    await expect(chat.page.locator("dialog.lightbox img")).to_be_visible()
    await chat.press("Escape")
    await expect(chat.page.locator("dialog.lightbox")).to_have_count(0)


async def test_a_pasted_picture(chat: Chat, picture: Path) -> None:
    await chat.composer.focus()
    await chat.composer.evaluate(
        """(node, bytes) => {
            const clipboardData = new DataTransfer();
            const file = new File([new Uint8Array(bytes)], "shot.png", { type: "image/png" });
            clipboardData.items.add(file);
            node.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        list(picture.read_bytes()),
    )
    await expect(chat.page.locator(".upload-card")).to_contain_text("shot.png")
    await chat.press("Enter")
    await expect(chat.messages.locator("img")).to_have_attribute("alt", "shot.png")


@BOTH
async def test_a_reply_with_the_ping_reaches_the_bot(chat: Chat, harness: PageHarness) -> None:
    await chat.said("videos", "a video, v1", by=harness.bot)
    source = chat.messages.first
    await source.hover()
    await source.get_by_role("button", name="Reply", exact=True).click()
    bar = chat.page.locator(".reply-bar")
    await expect(bar).to_contain_text("Replying to Retake")
    await expect(bar.get_by_role("button", name="@ ON")).to_have_attribute("aria-pressed", "true")
    await expect(chat.composer).to_be_focused()
    await chat.type("make it night")
    await chat.press("Enter")
    await expect(chat.message("Edit of v1 by Tom: make it night")).to_be_visible()
    await expect(bar).to_be_hidden()
    mine = chat.messages.filter(has=chat.page.locator("button.reference")).first
    await expect(mine.locator(".reference")).to_contain_text("@Retake")
    await mine.locator(".reference").click()
    await expect(source).to_have_class("message flash")
    await expect(source).to_be_focused()


async def test_a_reply_without_the_ping_arrives_empty(chat: Chat, harness: PageHarness) -> None:
    await chat.said("videos", "a video, v1", by=harness.bot)
    await chat.message("a video, v1").focus()
    await chat.press("r")
    await chat.page.get_by_role("button", name="@ ON").click()
    await expect(chat.page.get_by_role("button", name="@ OFF")).to_be_focused()
    await chat.composer.fill("make it day")
    await chat.press("Enter")
    await expect(chat.message("Edit of v1")).to_contain_text("nothing: the ping was off")
    await chat.message("a video, v1").focus()
    await chat.press("r", "Escape")
    await expect(chat.page.locator(".reply-bar")).to_be_hidden()


async def test_edits_and_deletions_show_at_once(chat: Chat, harness: PageHarness) -> None:
    sent = await harness.bot.place(VIDEOS).send("before")
    await chat.message("before").wait_for()
    await sent.edit(content="after")
    await expect(chat.message("after")).to_contain_text("after (edited)")
    await sent.delete()
    await expect(chat.messages).to_have_count(0)


async def test_what_can_be_done_by_menu(chat: Chat, harness: PageHarness) -> None:
    message = await chat.say("a plain message")
    await message.click(button="right")
    names = ["Reply", "Edit video", "Make a video of this", "Copy text", "Copy message ID"]
    items = chat.menu.get_by_role("menuitem")
    await expect(items).to_have_text([*names, "Delete message"])
    await expect(items.first).to_be_focused()
    await chat.press("ArrowDown", "ArrowDown", "Enter")
    await expect(chat.message("Of: a plain message")).to_contain_text("Only you can see this")
    assert harness.bot.received[-1] == {"of": "a plain message"}
    await chat.messages.first.focus()
    await chat.press("Enter", "ArrowUp", "Enter")
    await expect(chat.messages).to_have_count(1)
    await chat.said("videos", "not mine", by=harness.bot)
    await chat.message("not mine").click(button="right")
    await expect(items).to_have_text(names)


async def test_the_toolbar_offers_the_apps(chat: Chat) -> None:
    message = await chat.say("with a toolbar")
    await message.hover()
    await message.get_by_role("button", name="Apps").click()
    await chat.menu.get_by_role("menuitem", name="Edit video").click()
    await expect(chat.dialog).to_contain_text("Edit this video")


async def test_a_long_press_opens_the_menu(harness: PageHarness, open_page: OpenPage) -> None:
    page = await open_page(f"{harness.url}/", width=390, has_touch=True, is_mobile=True)
    chat = Chat(page=page, standin=harness.standin)
    await harness.standin.people.send("tom", "videos", "press me long")
    message = chat.message("press me long")
    box = await message.bounding_box()
    assert box is not None
    at = {"pointerType": "touch", "clientX": box["x"] + 90, "clientY": box["y"] + 9}
    await message.dispatch_event("pointerdown", at | {"bubbles": True})
    await expect(chat.menu.get_by_role("menuitem", name="Reply")).to_be_visible()


async def test_another_person_sees_their_own(chat: Chat, harness: PageHarness) -> None:
    secret = await harness.bot.place(VIDEOS).create_thread(name="a secret of Tom")
    tom = await harness.bot.fetch_user(int(TOM))
    await secret.add_user(tom)
    await secret.send("between us")
    link = chat.page.locator(".channel-link", has_text="a secret of Tom")
    await expect(link).to_have_attribute("aria-label", "a secret of Tom, private, unread")
    await chat.open("a secret of Tom")
    await chat.message("between us").wait_for()
    await expect(chat.messages.first).to_have_text("Retake added Tom to the thread.")
    await expect(chat.page.locator(".channel-header")).to_contain_text("Private")
    await expect(chat.page.locator(".crumb")).to_have_text("videos")
    await chat.become("Ana")
    await expect(chat.page.locator(".channel-header h1")).to_have_text("videos")
    await expect(link).to_have_count(0)


async def test_an_admin_deletes_what_others_wrote(chat: Chat) -> None:
    await chat.say("by Tom")
    await chat.become("Mira")
    await chat.message("by Tom").click(button="right")
    await chat.menu.get_by_role("menuitem", name="Delete message").click()
    await expect(chat.messages).to_have_count(0)


async def test_archived_and_locked_threads(chat: Chat, harness: PageHarness) -> None:
    starter = await harness.bot.place(VIDEOS).send("a starter")
    thread = await starter.create_thread(name="a thread")
    await thread.send("inside")
    card = chat.message("a starter").locator(".thread-card")
    await card.click()
    await chat.message("inside").wait_for()
    await expect(chat.messages.first).to_contain_text("a starter")
    await starter.edit(content="a starter, done")
    await expect(chat.messages.first).to_contain_text("a starter, done (edited)")
    channel = harness.standin.world.channel(str(thread.id))
    harness.standin.membership.archive(channel, archived=True)
    await expect(chat.page.locator(".channel-header .tag")).to_have_text(["Archived"])
    await expect(chat.composer).to_have_attribute(
        "placeholder", "Writing here opens this thread again"
    )
    await chat.say("opens it again")
    await expect(chat.page.locator(".channel-header .tag")).to_have_count(0)
    harness.standin.membership.lock(channel)
    await expect(chat.composer).to_be_disabled()
    await expect(chat.composer).to_have_attribute("placeholder", "This thread is locked.")
    await chat.become("Mira")
    await expect(chat.composer).to_be_enabled()


async def test_unread_channels_are_marked(chat: Chat, harness: PageHarness) -> None:
    general = chat.page.locator(".channel-link", has_text="general").first
    await expect(general.locator(".dot")).to_have_count(0)
    await harness.standin.people.send("mira", "general", "news")
    await expect(general.locator(".dot")).to_be_visible()
    await expect(chat.page).to_have_title("(1) #videos · Retake")
    await general.click()
    await expect(chat.page.locator(".line.new")).to_be_visible()
    await expect(general.locator(".dot")).to_have_count(0)
    await chat.open("videos")
    await expect(chat.page).to_have_title("#videos · Retake")


async def test_a_direct_conversation(chat: Chat, harness: PageHarness) -> None:
    await chat.page.get_by_role("button", name="Direct messages").click()
    await chat.open("Retake")
    await chat.say("hello bot")
    await expect(chat.page).to_have_title("@Retake · Retake")
    tom = await harness.bot.fetch_user(int(TOM))
    await tom.send("hello Tom")
    await expect(chat.message("hello Tom").locator(".badge")).to_have_text("APP")


async def test_older_messages_come_while_scrolling_up(chat: Chat, harness: PageHarness) -> None:
    for number in range(120):
        await harness.standin.people.send("mira", "videos", f"line {number}")
    await chat.page.reload()
    await expect(chat.page.get_by_text("line 119", exact=True)).to_be_in_viewport()
    assert await chat.messages.count() < 120
    first = chat.page.get_by_text("line 0", exact=True)
    await chat.page.wait_for_function(
        "() => { document.querySelector('.scroller').scrollTo(0, 0);"
        " return document.querySelectorAll('.message').length >= 120 }"
    )
    await expect(first).to_be_attached()
    await expect(chat.messages).to_have_count(120)
    await harness.standin.people.send("mira", "videos", "the newest")
    jump = chat.page.get_by_role("button", name="1 new message")
    await expect(jump).to_be_visible()
    await jump.click()
    await expect(chat.message("the newest")).to_be_in_viewport()


async def test_what_was_missed_while_the_stream_was_lost(chat: Chat, harness: PageHarness) -> None:
    gone = await harness.standin.people.send("mira", "videos", "deleted meanwhile")
    await chat.message("deleted meanwhile").wait_for()
    await chat.page.context.set_offline(True)
    harness.standin.streams.close_all()
    await expect(chat.page.locator(".banner")).to_contain_text("Reconnecting…")
    await harness.standin.people.send("mira", "videos", "said meanwhile")
    await harness.standin.people.delete("mira", gone["id"])
    await chat.page.context.set_offline(False)
    await expect(chat.message("said meanwhile")).to_be_visible(timeout=15_000)
    await expect(chat.message("deleted meanwhile")).to_have_count(0)
    await expect(chat.page.locator(".banner")).to_be_hidden()


async def test_what_was_said_before_the_stream_began(
    harness: PageHarness, open_page: OpenPage
) -> None:
    """Between the first look at the channel and the stream's beginning lies a gap."""
    page = await open_page("about:blank", ready=False)
    looked = asyncio.Event()

    async def late(route: Route) -> None:
        await looked.wait()
        await route.continue_()

    await page.route("**/control/events*", late)
    async with page.expect_response("**/messages?*"):
        await page.goto(f"{harness.url}/")
    await harness.standin.people.send("mira", "videos", "said in the gap")
    looked.set()
    chat = Chat(page=page, standin=harness.standin)
    await chat.message("said in the gap").wait_for()


async def test_an_old_answer_does_not_undo_what_came_meanwhile(
    chat: Chat, harness: PageHarness
) -> None:
    starter = await harness.bot.place(VIDEOS).send("a starter")
    await chat.message("a starter").wait_for()
    asked, free = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await free.wait()
        await route.fulfill(response=answer)

    await chat.page.route("**/control/state*", late)
    harness.standin.publish("COMMANDS", {})
    async with asyncio.timeout(10):
        await asked.wait()
    thread = await starter.create_thread(name="made meanwhile")
    before = harness.standin.position
    await thread.send("and written in")
    await harness.standin.wait("MESSAGE_CREATE", after=before)
    free.set()
    await expect(chat.page.locator(".channel-link", has_text="made meanwhile")).to_be_visible()
    await expect(chat.message("a starter").locator(".thread-card")).to_be_visible()


async def test_forwarded_messages_and_stickers_are_shown(chat: Chat, harness: PageHarness) -> None:
    people = harness.standin.people
    upload = await people.upload("holiday.png", png(3, 2))
    first = await people.send("mira", "general", "a sunny day", uploads=[upload["id"]])
    await people.forward("mira", first["id"], "videos")
    shown = chat.message("a sunny day")
    await expect(shown.locator(".reference")).to_have_text("Forwarded")
    await expect(shown.locator("img[src*='holiday.png']")).to_be_visible()
    sticker = people.sharing.add_sticker("Wave", upload["id"], 1)
    await people.send("mira", "videos", "so sunny", stickers=[sticker])
    waving = chat.message("so sunny").locator(f"img[src*='/cdn/stickers/{sticker}.png']")
    await expect(waving).to_be_visible()


async def test_the_bots_presence_is_shown(chat: Chat, harness: PageHarness) -> None:
    await expect(chat.page.locator(".channel-header .bot-state")).to_have_text("Retake online")
    await harness.bot.close()
    await expect(chat.page.locator(".channel-header .bot-state")).to_have_text("Retake offline")
    await expect(chat.page.locator(".banner")).to_contain_text("The bot is offline.")
