"""The page as a surface: widths, drawers, keyboard, names for assistive software, contrast."""

import pytest
from discord import ChannelType, TextChannel
from playwright.async_api import Page, expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import OpenPage, PageHarness
from tests.e2e.showcase import Choices, Finished

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("width", [1400, 390])

# Every visible text with its own colour against the colours behind it, and what is under 4.5 : 1.
PALE_TEXTS = """() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    const over = (colours) => {
        brush.fillStyle = "#000";
        brush.fillRect(0, 0, 1, 1);
        for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
        return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faults = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        const text = walker.currentNode.data.trim().slice(0, 40);
        if (!text || node.closest("svg, :disabled, .visually-hidden")) continue;
        if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        const behind = [];
        for (let at = node; at; at = at.parentElement) {
            behind.unshift(getComputedStyle(at).backgroundColor);
        }
        const back = over(behind);
        const front = over([...behind, getComputedStyle(node).color]);
        const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < 4.5) faults.push(`${text}: ${ratio.toFixed(2)}`);
    }
    return faults;
}"""
NAMELESS = """() => [...document.querySelectorAll(
    "button, a[href], input, textarea, [role=button], dialog, video, img")]
    .filter((node) => node.checkVisibility() && !node.closest("[aria-hidden=true]"))
    .filter((node) => !(node.getAttribute("aria-label") || node.getAttribute("alt")
        || node.textContent.trim() || node.title || node.labels?.length))
    .map((node) => node.outerHTML.slice(0, 120))"""
CUT = """() => [...document.querySelectorAll(
    "button, .badge, .chip, .tag, h1, h2, h3, .presets-label, dd, dt")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }))
    .filter((node) => !node.closest(".visually-hidden, .rail"))
    .filter((node) => node.scrollWidth > node.clientWidth + 1)
    .filter((node) => getComputedStyle(node).overflow === "visible")
    .filter((node) => getComputedStyle(node).display !== "inline")
    .map((node) => `${node.className}: ${node.textContent.slice(0, 40)}`)"""


async def furnished(chat: Chat, harness: PageHarness) -> None:
    """A channel with something of everything in it."""
    assert chat.standin is not None
    by = harness.bot
    words = "# Words\n> quoted\n-# small `code` ||hidden|| <t:0:R>\n```py\ncode\n```"
    await chat.standin.people.send("tom", "videos", words)
    await chat.said("videos", "v1 **is ready**", file=by.finished(), view=Finished(by), by=by)
    await chat.command("choices")
    await chat.message("An embed").wait_for()
    await chat.command("layout")
    await chat.message("A layout").wait_for()
    await chat.command("limits user")
    await chat.message("Limit: None").wait_for()


async def reduced(page: Page) -> None:
    await page.emulate_media(reduced_motion="reduce")


@BOTH
async def test_texts_are_readable_and_controls_named(chat: Chat, harness: PageHarness) -> None:
    await reduced(chat.page)
    await furnished(chat, harness)
    await chat.message("v1").hover()
    await chat.composer.fill("/video ")
    await chat.page.get_by_label("Add an option").fill("as")
    await chat.page.wait_for_function("() => document.querySelectorAll('.suggestion').length === 1")
    assert await chat.page.evaluate(PALE_TEXTS) == []
    assert await chat.page.evaluate(NAMELESS) == []
    assert await chat.page.evaluate(CUT) == []
    await chat.press("Escape", "Escape")
    await chat.button("Edit").click()
    await chat.dialog.get_by_role("button", name="Submit").click()
    assert await chat.page.evaluate(PALE_TEXTS) == []
    assert await chat.page.evaluate(NAMELESS) == []
    await chat.press("Escape")


async def test_pale_text_would_be_found(chat: Chat) -> None:
    message = await chat.say("too pale to read")
    await message.locator(".markdown").evaluate("node => { node.style.color = '#555' }")
    found = await chat.page.evaluate(PALE_TEXTS)
    assert [text.split(":")[0] for text in found] == ["too pale to read"]


@pytest.mark.parametrize("width", [390])
async def test_drawers_on_a_narrow_window(chat: Chat) -> None:
    page = chat.page
    sidebar, panel = page.locator(".sidebar"), page.locator(".provider-panel")
    await expect(sidebar).to_be_hidden()
    await expect(panel).to_be_hidden()
    await page.get_by_role("button", name="Channels", exact=True).click()
    await expect(sidebar).to_be_in_viewport(ratio=1)
    await expect(page.locator(".channel-link.current")).to_be_focused()
    await chat.press("Escape")
    await expect(sidebar).to_be_hidden()
    await page.get_by_role("button", name="Video services").click()
    await expect(panel).to_be_in_viewport(ratio=1)
    await expect(panel.get_by_role("heading", name="EvoLink")).to_be_visible()
    await page.mouse.click(5, 400)
    await expect(panel).to_be_hidden()
    await chat.open("general")
    await expect(sidebar).to_be_hidden()
    await expect(page.locator("main")).not_to_have_attribute("inert", "")


@pytest.mark.parametrize("width", [1400, 390])
async def test_a_server_opens_at_its_last_channel(chat: Chat, width: int) -> None:
    page = chat.page
    title, sidebar = page.locator(".channel-header h1"), page.locator(".sidebar")

    async def enter(name: str) -> None:
        if width == 390:
            await page.get_by_role("button", name="Channels", exact=True).click()
        await page.get_by_role("button", name=name).click()

    await chat.open("general")
    await enter("Other Server")
    await expect(title).to_have_text("other-general")
    await enter("Retake Studio")
    await expect(title).to_have_text("general")
    if width == 390:
        await expect(sidebar).to_be_hidden()
    await enter("Direct messages")
    await expect(title).to_have_text("Retake")


@pytest.mark.parametrize("width", [1400, 390])
async def test_a_threads_header_keeps_the_channels_name(
    chat: Chat, harness: PageHarness, width: int
) -> None:
    assert width
    channel = harness.bot.get_channel(int(harness.standin.world.channel("videos").id))
    assert isinstance(channel, TextChannel)
    await channel.create_thread(name="a long name of a thread " * 4, type=ChannelType.public_thread)
    await chat.open("a long name")
    crumb = chat.page.locator(".crumb span")
    await expect(crumb).to_have_text("videos")
    await expect(crumb).to_be_visible()
    assert await crumb.evaluate("node => node.scrollWidth <= node.clientWidth")
    title = await chat.page.locator(".channel-header h1").bounding_box()
    assert title is not None
    assert title["width"] > 60


@pytest.mark.parametrize("width", [1400, 390])
async def test_a_notice_covers_no_field(chat: Chat, width: int) -> None:
    """Every field and button that may be used while a notice is shown stays in sight."""
    assert width
    await chat.composer.fill("line\n" * 12 + "x" * 2001)
    await chat.press("Enter")
    notice = chat.page.locator(".notice")
    await expect(notice).to_contain_text("at most 2000 characters")
    covered = await chat.page.evaluate("""() => {
        const note = document.querySelector(".notice").getBoundingClientRect();
        return [...document.querySelectorAll("main textarea, main input, .suggestions, .composer")]
            .filter((node) => {
                const box = node.getBoundingClientRect();
                return box.width && box.top < note.bottom && box.bottom > note.top;
            }).length;
    }""")
    assert covered == 0


async def test_every_kind_of_channel_is_there(chat: Chat) -> None:
    await chat.open("lounge")
    await chat.say("text next to the voice")
    await chat.open("news")
    await chat.say("read all about it")
    await chat.open("ideas")
    await expect(chat.composer).to_be_disabled()
    await expect(chat.composer).to_have_attribute("placeholder", "Choose a post to write in")


async def test_the_panel_can_be_put_away(chat: Chat) -> None:
    page = chat.page
    button = page.get_by_role("button", name="Video services")
    await expect(button).to_have_attribute("aria-expanded", "true")
    before = await page.locator("main").bounding_box()
    await button.click()
    await expect(page.locator(".provider-panel")).to_be_hidden()
    after = await page.locator("main").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"] + 300
    await page.reload()
    await expect(page.locator(".provider-panel")).to_be_hidden()


async def test_arrows_move_through_messages_and_channels(chat: Chat) -> None:
    for text in ("one", "two", "three"):
        await chat.say(text)
    await chat.composer.focus()
    await chat.press("ArrowUp")
    await expect(chat.message("three")).to_be_focused()
    await chat.press("ArrowUp", "ArrowUp", "ArrowUp")
    await expect(chat.message("one")).to_be_focused()
    await chat.press("End")
    await expect(chat.message("three")).to_be_focused()
    outline = "node => getComputedStyle(node).outlineStyle"
    assert await chat.message("three").evaluate(outline) == "solid"
    await chat.press("Escape")
    await expect(chat.composer).to_be_focused()
    links = chat.page.locator(".channel-link")
    await links.nth(0).focus()
    await chat.press("ArrowDown")
    await expect(links.nth(1)).to_be_focused()
    await chat.press("ArrowDown", "Enter")
    await expect(chat.page.locator(".channel-header h1")).to_have_text("announcements")


async def test_tab_reaches_every_region(chat: Chat) -> None:
    await chat.say("a message")
    await chat.page.locator(".rail-item").first.focus()
    reached = set()
    for _ in range(40):
        region = await chat.page.evaluate(
            """() => ["rail", "channels", "person", "channel-header", "messages", "composer",
                "provider-panel"].find((name) => document.activeElement.closest(`.${name}`))"""
        )
        reached.add(region)
        await chat.press("Tab")
    regions = {"rail", "channels", "person", "channel-header", "messages", "composer"}
    assert reached >= regions | {"provider-panel"}


async def test_letters_find_the_composer(chat: Chat) -> None:
    await chat.page.evaluate("document.activeElement.blur()")
    await chat.type("hello")
    await expect(chat.composer).to_have_value("hello")


async def test_news_are_announced(chat: Chat, harness: PageHarness) -> None:
    await harness.standin.people.send("mira", "videos", "**news** for you")
    live = chat.page.locator("#announcements")
    await expect(live).to_have_attribute("aria-live", "polite")
    await expect(live).to_contain_text("Mira, news for you")


async def test_motion_is_reduced_on_request(chat: Chat) -> None:
    await reduced(chat.page)
    await chat.command("think")
    await chat.page.get_by_text("Retake is thinking…").wait_for()
    dot = chat.page.locator(".dots i").first
    assert await dot.evaluate("node => getComputedStyle(node).animationDuration") == "0.001s"


async def test_the_policy_holds(harness: PageHarness, open_page: OpenPage) -> None:
    page = await open_page(f"{harness.url}/")
    answer = await page.request.get(f"{harness.url}/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data: blob:; style-src 'self'"
    )
    assert "unsafe" not in policy
    inner = await page.content()
    assert "style=" not in inner.split("<body")[0]
    for path in ("/page/__init__.py", "/page/../page/__init__.py", "/page/js", "/page/none.js"):
        assert (await page.request.get(harness.url + path)).status == 404


async def test_the_same_page_under_another_name_of_this_machine(
    harness: PageHarness, open_page: OpenPage
) -> None:
    """Files are signed for 127.0.0.1; opened as localhost the page must still show them."""
    page = await open_page(f"{harness.url.replace('127.0.0.1', 'localhost')}/")
    chat = Chat(page=page, standin=harness.standin)
    await chat.said(
        "videos", "a video", file=harness.bot.finished(), view=Choices(harness.bot), by=harness.bot
    )
    await page.wait_for_function("() => document.querySelector('video')?.readyState > 0")
