"""Discord's Markdown as the page draws it, and text that must stay text."""

import time

import pytest
from playwright.async_api import expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import PageHarness

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRAW = """async (source) => {
    const { markdown } = await import("/page/js/markdown.js");
    const shell = document.createElement("div");
    shell.append(...markdown(source, {
        user: (id) => `user ${id}`, role: (id) => `role ${id}`, command() {},
        channel: (id) => (id === "7" ? { name: "videos", href: "#/channel/7" } : null),
    }));
    return shell.innerHTML;
}"""


def line(inner: str) -> str:
    return f'<div class="text">{inner}</div>'


LINK = 'target="_blank" rel="noopener noreferrer"'
CASES = {
    "plain": line("plain"),
    "**bold** *it* _it_ __under__ ~~gone~~": line(
        "<strong>bold</strong> <em>it</em> <em>it</em> <u>under</u> <s>gone</s>"
    ),
    "***both***": line("<strong><em>both</em></strong>"),
    "**a *b* c**": line("<strong>a <em>b</em> c</strong>"),
    r"\*not\* and snake_case_name and 2 * 3 * 4": line("*not* and snake_case_name and 2 * 3 * 4"),
    "`**code**` ``a`b``": line("<code>**code**</code> <code>a`b</code>"),
    "```py\n**x**\n```after": '<pre tabindex="0"><code data-language="py">**x**</code></pre>'
    + line("after"),
    "# One\n### Three\n#No": (
        '<div class="heading h1" role="heading" aria-level="3">One</div>'
        '<div class="heading h3" role="heading" aria-level="5">Three</div>' + line("#No")
    ),
    "-# small": '<div class="small-text">small</div>',
    "> one\n> two\nthree": f"<blockquote>{line('one<br>two')}</blockquote>{line('three')}".replace(
        "<br>", "\n"
    ),
    ">>> all\nof it": f"<blockquote>{line('all' + chr(10) + 'of it')}</blockquote>",
    "- a\n- b\n  - c\n1. d": (
        '<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><ol start="1"><li>d</li></ol>'
    ),
    "[words](https://a.example/b)": line(
        f'<a href="https://a.example/b" title="https://a.example/b" {LINK}>words</a>'
    ),
    "https://a.example/b.": line(f'<a href="https://a.example/b" {LINK}>https://a.example/b</a>.'),
    "<https://a.example>": line(f'<a href="https://a.example" {LINK}>https://a.example</a>'),
    "[x](javascript:alert(1))": line("[x](javascript:alert(1))"),
    "[https://good.example](https://bad.example)": line(
        "[https://good.example](https://bad.example)"
    ),
    "<@1> <@!2> <@&3> <#7> <#8>": line(
        '<span class="mention" data-user="1">@user 1</span>'
        ' <span class="mention" data-user="2">@user 2</span>'
        ' <span class="mention">@role 3</span>'
        ' <a class="mention" href="#/channel/7">#videos</a>'
        ' <span class="mention">#no-access</span>'
    ),
    "@everyone": line('<span class="mention">@everyone</span>'),
    "</video:1>": line('<button type="button" class="mention command-mention">/video</button>'),
    "<:fox:1234> <a:run:99>": line(
        '<span class="emoji">:fox:</span> <span class="emoji">:run:</span>'
    ),
    "||a **b**||": line(
        '<span class="spoiler" role="button" tabindex="0" aria-label="Spoiler: press to show"'
        ' aria-expanded="false"><span class="spoiler-text" aria-hidden="true">'
        "a <strong>b</strong></span></span>"
    ),
    "<b>&amp;</b><img src=x onerror=alert(1)>": line(
        "&lt;b&gt;&amp;amp;&lt;/b&gt;&lt;img src=x onerror=alert(1)&gt;"
    ),
    "** not bold": line("** not bold"),
    "*" * 4000: None,
    "[" * 4000: None,
    "||" * 2000: None,
}


async def test_every_mark(chat: Chat) -> None:
    for source, expected in CASES.items():
        drawn = await chat.page.evaluate(DRAW, source)
        if expected is not None:
            assert drawn == expected, source


async def test_no_text_takes_long(chat: Chat) -> None:
    for source in ("*" * 4000, "[" * 4000, "||" * 2000, "_a" * 2000, "`" * 3999 + "a", "<" * 4000):
        took = await chat.page.evaluate(
            f"async (source) => {{ const at = performance.now(); await ({DRAW})(source);"
            " return performance.now() - at }",
            source,
        )
        assert took < 1500, source[:10]


async def test_untrusted_text_is_only_text(chat: Chat) -> None:
    nasty = '<img src=x onerror="document.title=1"><script>document.title=2</script> </div>'
    message = await chat.say(nasty)
    await expect(message.locator(".markdown")).to_have_text(nasty)
    assert await message.locator("img, script").count() == 0


async def test_a_relative_time_ticks_without_an_edit(chat: Chat, harness: PageHarness) -> None:
    await chat.page.clock.install()
    await chat.page.reload()
    await chat.page.locator(".intro h2").wait_for()
    until = int(await chat.page.evaluate("Math.round(Date.now() / 1000)")) + 90
    await chat.said("videos", f"ready <t:{until}:R>", by=harness.bot)
    moment = chat.message("ready").locator(".markdown time")
    await expect(moment).to_have_text("in 1 minute")
    await chat.page.clock.run_for(60_000)
    await expect(moment).to_contain_text("seconds")
    await chat.page.clock.run_for(60_000)
    await expect(moment).to_contain_text("seconds ago")


async def test_spoilers_open_by_keyboard(chat: Chat) -> None:
    await chat.composer.fill("it was ||the butler||")
    await chat.composer.press("Enter")
    message = chat.message("it was")
    cover = message.get_by_role("button", name="Spoiler: press to show")
    await expect(cover.locator(".spoiler-text")).to_be_hidden()
    await cover.focus()
    await chat.press("Enter")
    await expect(message.get_by_text("the butler")).to_be_visible()
    await expect(message.locator(".spoiler")).to_have_attribute("aria-expanded", "true")


async def test_times_of_every_style(chat: Chat, harness: PageHarness) -> None:
    now = int(time.time())
    styles = " ".join(f"<t:{now - 86400 * 3}:{style}>" for style in "tTdDfFR")
    await chat.said("videos", f"times {styles}", by=harness.bot)
    times = chat.message("times").locator(".markdown time")
    await expect(times).to_have_count(7)
    texts = await times.all_inner_texts()
    assert len(set(texts)) == 7
    assert texts[-1] == "3 days ago"
