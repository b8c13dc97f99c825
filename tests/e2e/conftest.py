"""A browser for the page, and a harness for it: both stand-ins, the page and a small real bot.

The tests of the page run on the event loop of their module, so that the browser starts once.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from sandbox.clips import FixedClips
from sandbox.clips.footage import write
from sandbox.discord import DiscordStandIn
from sandbox.discord.wire.openapi import OpenApiValidator, document
from sandbox.providers import Providers
from sandbox.server import Sandbox
from tests.e2e.chat import Chat
from tests.e2e.showcase import Showcase

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HEIGHTS = {1400: 900, 390: 844}

# A machine that does much else at the same time may need longer than the five seconds of default.
expect.set_options(timeout=15_000)


def chromium() -> str | None:
    """Where a Chromium is installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    if path is None:
        sentence = "the page's tests need a browser: install Debian's package `chromium`"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield browser
        await browser.close()


@dataclass(kw_only=True)
class Complaints:
    """What a page must never do, collected while it is open."""

    said: list[str] = field(default_factory=list)

    def watch(self, page: Page, origin: str) -> None:
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self._request(request.url, origin))

    def _console(self, kind: str, text: str) -> None:
        # The browser itself says this when a test takes its network away.
        if kind in {"error", "warning"} and "ERR_INTERNET_DISCONNECTED" not in text:
            self.said.append(f"console: {text}")

    def _request(self, url: str, origin: str) -> None:
        if urlsplit(url).scheme in {"http", "https", "ws", "wss"} and not url.startswith(origin):
            self.said.append(f"left the page's own address: {url}")


OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens pages; at the end none of them may have complained or be wider than its window."""
    complaints = Complaints()
    async with AsyncExitStack() as stack:

        async def opening(
            url: str, *, width: int = 1400, ready: bool = True, **options: Any
        ) -> Page:
            context = await browser.new_context(
                viewport={"width": width, "height": HEIGHTS.get(width, 900)}, **options
            )
            stack.push_async_callback(context.close)
            context.set_default_timeout(10_000)
            page = await context.new_page()
            # Choosers are caught from the start: asked for later, the first may slip through.
            page.on("filechooser", lambda chooser: None)
            parts = urlsplit(url)
            if ready:
                complaints.watch(page, f"{parts.scheme}://{parts.netloc}/")
            await page.goto(url)
            if ready:
                await page.locator("body[data-drawn][data-live]").wait_for()
            return page

        yield opening
        for context in browser.contexts:
            for page in context.pages:
                wide = await page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if wide > 0:
                    complaints.said.append(f"{wide} px wider than its window")
    assert complaints.said == []


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of H.264 that a browser plays."""
    path = tmp_path_factory.mktemp("clip") / "fox.mp4"
    return write(path, "testsrc2=s=640x360:r=12:d=2[out0]")


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.linear_gradient("L").convert("RGB").resize((320, 200)).save(path)
    return path


@pytest.fixture(scope="session")
def validator() -> OpenApiValidator | None:
    """Discord's own document, where it is at hand; the integration tests insist on it."""
    return OpenApiValidator.load() if document() else None


@dataclass(kw_only=True)
class PageHarness:
    """What the page talks to."""

    standin: DiscordStandIn
    providers: Providers
    bot: Showcase
    url: str


@asynccontextmanager
async def connected(client: Showcase, standin: DiscordStandIn) -> AsyncIterator[None]:
    """The client logged in to the stand-in, its commands registered."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Route, "BASE", f"{standin.base_url}/api/v10")
    patch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway_url))
    ended = asyncio.create_task(client.start(standin.token))
    try:
        ready = asyncio.create_task(client.ready.wait())
        async with asyncio.timeout(20):
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if ended.done():
            await ended
        yield
    finally:
        await client.close()
        await asyncio.wait({ended}, timeout=5)
        patch.undo()


@pytest_asyncio.fixture(loop_scope="module")
async def harness(
    clip: Path, picture: Path, tmp_path: Path, validator: OpenApiValidator | None
) -> AsyncIterator[PageHarness]:
    sandbox = Sandbox(directory=tmp_path / "providers", clips=FixedClips(clip), validator=validator)
    client = Showcase(clip, picture)
    async with sandbox:
        async with connected(client, sandbox.discord):
            yield PageHarness(
                standin=sandbox.discord, providers=sandbox.providers, bot=client, url=sandbox.url
            )
        standin = sandbox.discord
        assert (standin.violations, standin.unhandled, standin.crashes) == ([], [], [])
        assert sandbox.providers.problems == []
    assert client.errors == []


@pytest.fixture
def width() -> int:
    """The window's width; a test that wants another parametrises it."""
    return 1400


@pytest_asyncio.fixture(loop_scope="module")
async def browser_page(harness: PageHarness, open_page: OpenPage, width: int) -> Page:
    """The page as a newcomer opens it: tom, in #videos."""
    return await open_page(f"{harness.url}/", width=width)


@pytest.fixture
def chat(browser_page: Page, harness: PageHarness) -> Chat:
    """The page with words for what is on it."""
    return Chat(page=browser_page, standin=harness.standin)
