"""The README's pictures, made from the sandbox: ``python -m tests.e2e.pictures``.

Owns the scenes and the size of what is kept in ``docs/pictures``. The real bot makes the videos.
"""

import asyncio
import io
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.async_api import Locator, Page, async_playwright, expect

from sandbox.clips import Clips
from tests.e2e.chat import Chat
from tests.e2e.conftest import SWITCHES, chromium
from tests.e2e.running import running_sandbox

FOLDER = Path(__file__).resolve().parents[2] / "docs/pictures"
SIZE = (1000, 640)
PATIENCE = 120_000
TYPING_MS = 70
LONGEST_MS = 1600
"""No frame is shown for longer: waiting is left out of the moving picture."""

PROMPT = "a red fox walks through snow at dawn"
EDITS = ("make it night", "add heavy rain")


@dataclass(kw_only=True)
class Recorder:
    """Takes one screenshot after another while something happens."""

    page: Page
    frames: list[tuple[float, Image.Image]] = field(default_factory=list[tuple[float, Image.Image]])

    async def run(self) -> None:
        clock = asyncio.get_running_loop()
        while True:
            picture = Image.open(io.BytesIO(await self.page.screenshot())).convert("RGB")
            if not self.frames or picture.tobytes() != self.frames[-1][1].tobytes():
                self.frames.append((clock.time(), picture))

    def save(self, file: Path) -> None:
        starts = [at for at, _ in self.frames]
        lasting = [
            min(LONGEST_MS, int((later - at) * 1000))
            for at, later in zip(starts, [*starts[1:], starts[-1] + 9], strict=True)
        ]
        first, *others = (picture for _, picture in self.frames)
        first.save(
            file,
            save_all=True,
            append_images=others,
            duration=lasting,
            loop=0,
            quality=45,
            method=4,
        )


async def play(videos: Locator) -> None:
    """Play the newest video for a moment, without sound and again and again."""
    await videos.last.evaluate(
        """async video => {
            video.muted = video.loop = true;
            await video.play();
            await new Promise(done => {
                video.ontimeupdate = () => video.currentTime > 1.5 && done();
            });
        }"""
    )


async def still(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    picture.save(FOLDER / f"{name}.webp", quality=82, method=4)


async def reply(chat: Chat, version: int, words: str) -> None:
    message = chat.message("your video is ready" if version == 1 else f"v{version} ·")
    await message.hover()
    await message.get_by_role("button", name="Reply").click()
    await chat.page.keyboard.type(words, delay=TYPING_MS)
    await chat.press("Enter")
    videos = chat.page.locator("video")
    await expect(videos).to_have_count(version + 1, timeout=PATIENCE)
    await play(videos)


async def conversation(chat: Chat) -> None:
    """A video is asked for, watched and edited twice."""
    await chat.composer.focus()
    await chat.page.keyboard.type("/video", delay=TYPING_MS)
    await chat.press("Enter")
    await chat.page.keyboard.type(PROMPT, delay=TYPING_MS)
    await chat.press("Enter")
    status = chat.message("requested by @Tom")
    await expect(status).to_contain_text("Done", timeout=PATIENCE)
    await chat.open(PROMPT[:12])
    videos = chat.page.locator("video")
    await expect(videos).to_have_count(1, timeout=PATIENCE)
    await play(videos)
    for version, words in enumerate(EDITS, start=1):
        await reply(chat, version, words)


async def limits(chat: Chat) -> None:
    """An admin sets a limit, and sees what is in force."""
    await chat.become("Mira")
    await chat.open("general")
    await chat.composer.fill("/limits server")
    await expect(chat.suggestions.first).to_contain_text("limits server")
    await chat.press("Enter")
    for words in ("videos", "20"):
        await chat.page.keyboard.type(words)
        await chat.press("Enter")
    await expect(chat.messages.last).to_contain_text("20 videos", timeout=PATIENCE)


async def make() -> None:
    """Make every picture, or say what is missing for it."""
    fonts = await asyncio.create_subprocess_exec("fc-list", ":lang=und-zsye", stdout=PIPE)
    if not (await fonts.communicate())[0]:
        raise SystemExit("Buttons have emoji: install a font with them (fonts-noto-color-emoji).")
    with TemporaryDirectory() as folder:
        async with (
            running_sandbox(
                Path(folder), None, clips=Clips(Path(folder) / "clips"), seconds=6
            ) as running,
            async_playwright() as playwright,
        ):
            await running.start_bot()
            browser = await playwright.chromium.launch(
                executable_path=chromium(), args=list(SWITCHES)
            )
            page = await browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            await page.goto(running.sandbox.url)
            await page.locator("body[data-drawn][data-live]").wait_for()
            chat = Chat(page=page)
            recorder = Recorder(page=page)
            recording = asyncio.create_task(recorder.run())
            await conversation(chat)
            recording.cancel()
            await asyncio.wait({recording})
            await still(page, "reply")
            await limits(chat)
            await still(page, "limits")
            await browser.close()
    # Only now: it takes minutes, in which the stand-ins would not answer.
    recorder.save(FOLDER / "conversation.webp")
    for file in sorted(FOLDER.glob("*.webp")):
        sys.stdout.write(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    sys.exit(asyncio.run(make()))
