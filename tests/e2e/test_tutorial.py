"""`docs/tutorial.md` is true word for word: its commands are run and its buttons pressed.

Whatever the page shows as code, bold or italic is taken from it in order, so a step that changes
there changes here or fails.
"""

import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.opening import FOX, REJECTED
from tests.e2e.chat import Chat
from tests.e2e.conftest import OpenPage
from tests.e2e.running import Running, running_sandbox
from tests.e2e.test_sandbox_command import Command, sandbox
from tests.messages_view import answered_text

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60_000
SHOWN = re.compile(r"`([^`\n]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*")


def section(number: int) -> str:
    page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    return re.split(r"^## \d\. ", page, flags=re.MULTILINE)[number]


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def steps(text: str) -> list[str]:
    items = re.findall(r"^\d+\. (.+?)(?=^\d+\. |^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+", " ", item) for item in items]


def opening() -> list[str]:
    """What is shown between the first command and the first step."""
    return shown(section(1).rpartition("```")[2].partition("\n1. ")[0])


def shown(text: str) -> list[str]:
    """What a text shows as code, bold or italic, in order."""
    return ["".join(groups) for groups in SHOWN.findall(text)]


@pytest_asyncio.fixture(loop_scope="module")
async def command(tmp_path: Path) -> AsyncIterator[Command]:
    """`./retake sandbox` without the launcher, which would prepare an environment."""
    assert blocks(section(1), "sh") == ["./retake sandbox\n"]
    async with sandbox(tmp_path) as running:
        ready, *_ = opening()
        running.url = (await running.line(f"{ready}: ")).removeprefix(f"{ready}: ")
        yield running


async def ask(chat: Chat, command: str, option: str, prompt: str) -> None:
    """Use a command as step 1 says."""
    await chat.composer.focus()
    await chat.type(command)
    await chat.press("Enter")
    await expect(chat.page.locator(".command-form")).to_contain_text(option)
    await chat.type(prompt)
    await chat.press("Enter")


async def test_the_sandbox_does_what_the_tutorial_says(
    command: Command, open_page: OpenPage, tmp_path: Path
) -> None:
    chat = Chat(page=await open_page(command.url))
    make, receipt, watch, reply, buttons, faults, admin = steps(section(1))
    video, option, prompt = shown(make)
    _, server, channel = opening()
    await expect(chat.page.locator("body")).to_contain_text(server)
    await chat.open(FOX)
    await chat.plays(4)
    await expect(chat.message(REJECTED)).to_contain_text("Failed")
    await chat.open(channel.strip("#"))
    await ask(chat, video, option, prompt)

    assert shown(receipt) == []
    answer = chat.message("Estimated price")
    await expect(answer).to_contain_text("Only you can see this")
    await expect(answer).to_contain_text(re.compile("start right away|in the queue"))
    await expect(answer).to_contain_text("of 10 videos left today")
    await expect(chat.message("requested by @Tom")).to_contain_text(prompt)

    (seconds,) = re.findall(r"about (\d+) seconds", watch)
    async with command.web.get(f"{command.url}/control/providers") as response:
        providers = await response.json()
    assert providers["evolink"]["settings"]["seconds"] == int(seconds)
    await chat.open(prompt)
    await chat.plays(1)
    first = chat.messages.filter(has_text="your video is ready").first
    await expect(first).to_contain_text("@Tom")

    button, *instructions = shown(reply)
    for version, instruction in enumerate(instructions, start=2):
        await first.hover()
        await first.get_by_role("button", name=button).click()
        await chat.say(instruction)
        await chat.plays(version)
        await expect(chat.message(f"v{version} · Edit of v1 by @Tom")).to_be_visible()

    edit, again, details, delete = shown(buttons)
    await chat.button(edit).click()
    await expect(chat.dialog).to_be_visible()
    await chat.press("Escape")
    await chat.button(again).click()
    await chat.plays(4)
    await chat.button(details).click()
    await expect(chat.message("Details of v4")).to_be_visible()
    await chat.button(delete).click()
    await chat.button("Delete for good").click()
    await expect(chat.page.locator("video")).to_have_count(3)

    panel, provider, rejected, next_video, no_credit, next_request = shown(faults)
    services = chat.page.get_by_role("complementary", name=panel)
    evolink = services.get_by_role("region", name=provider, exact=True)

    def preset(group: str, label: str) -> Locator:
        presets = evolink.get_by_role("group", name=group)
        return presets.get_by_role("button", name=label, exact=True)

    await chat.open(channel.strip("#"))
    await preset(next_video, rejected).click()
    await ask(chat, video, option, "a boat that will not be made")
    failed = chat.message("a boat that will not be made")
    await expect(failed).to_contain_text("content rules", timeout=PATIENCE)
    await expect(failed).to_contain_text("didn't count")
    await preset(next_request, no_credit).click()
    await ask(chat, video, option, "a boat made elsewhere")
    done = chat.message("a boat made elsewhere")
    await expect(done).to_contain_text("Done", timeout=PATIENCE)
    await done.get_by_role("button", name=details, exact=True).click()
    await expect(chat.message("Details of v1")).to_contain_text("APIMart")

    name, limits = shown(admin)
    await chat.become(name)
    await chat.composer.fill(limits)
    await expect(chat.suggestions.first).to_contain_text(limits.strip("/"))

    await chat.page.close()
    command.process.send_signal(signal.SIGINT)
    assert await command.process.wait() == 0
    (folder,) = shown(section(1).rpartition("Stop it with")[2])
    assert set(tmp_path.glob("*/*")) == {tmp_path / folder.strip("/")}


@pytest_asyncio.fixture(loop_scope="module")
async def running(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[Running]:
    async with running_sandbox(tmp_path, validator, seconds=0.4) as running:
        yield running


async def test_the_own_bot_starts_and_keeps_the_limits_of_the_tutorial(running: Running) -> None:
    (limits,), (commands,) = blocks(section(2), "toml"), blocks(section(2), "sh")
    assert commands.split("\n") == ["./retake check", "./retake run", ""]
    running.config.write_text(running.config.read_text() + "\n" + limits)
    status, said = await running.check()
    assert status == 0, said
    await running.start_bot()
    receipt = await running.video("a paper boat")
    assert "2 of 3 videos left today" in answered_text(receipt)
    await running.film("a paper boat")
