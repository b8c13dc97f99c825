"""The chat page as a person uses it: where things are, and the few acts most tests share."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator, Page, expect

from sandbox.discord import DiscordStandIn


@dataclass(frozen=True, kw_only=True)
class Chat:
    """One open page."""

    page: Page
    standin: DiscordStandIn | None = None

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("combobox", name="Message", exact=True)

    @property
    def messages(self) -> Locator:
        return self.page.locator(".message[data-id]")

    @property
    def suggestions(self) -> Locator:
        return self.page.locator(".suggestion")

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog.modal")

    @property
    def menu(self) -> Locator:
        return self.page.get_by_role("menu")

    def message(self, text: str) -> Locator:
        """The newest message that holds this text."""
        return self.messages.filter(has_text=text).last

    def button(self, name: str) -> Locator:
        """The newest message button of this name."""
        return self.page.locator(".components").get_by_role("button", name=name, exact=True).last

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def say(self, text: str) -> Locator:
        await self.composer.fill(text)
        await self.composer.press("Enter")
        message = self.message(text)
        await message.wait_for()
        return message

    async def command(self, name: str) -> None:
        """Sends a command that needs no options."""
        await self.composer.fill(f"/{name}")
        await expect(self.suggestions.first).to_contain_text(f"/{name}")
        await self.press("Enter")
        await self.page.locator(".command-form").wait_for()
        await self.press("Enter")

    async def open(self, name: str) -> None:
        """Goes to a channel by its name, through the drawer where there is one."""
        opener = self.page.get_by_role("button", name="Channels", exact=True)
        if await opener.is_visible():
            await opener.click()
        await self.page.locator(".channel-link", has_text=name).first.click()
        await expect(self.page.locator(".channel-header h1")).to_contain_text(name)

    async def become(self, name: str) -> None:
        opener = self.page.get_by_role("button", name="Channels", exact=True)
        if await opener.is_visible():
            await opener.click()
        await self.page.locator(".person-button").click()
        await self.menu.get_by_role("menuitemradio", name=name).click()
        await expect(self.page.locator(".person-text strong")).to_have_text(name)

    async def plays(self, number: int) -> None:
        """Wait for this many videos; the newest is a real one that the browser can play."""
        videos = self.page.locator("video")
        await expect(videos).to_have_count(number, timeout=30_000)
        playing = """async video => {
            video.muted = true;
            await video.play();
            return [video.videoWidth > 0, video.duration > 0.5];
        }"""
        assert await videos.last.evaluate(playing) == [True, True]

    async def said(self, channel: str, text: str, **given: Any) -> None:
        """The bot says something, without a command."""
        assert self.standin is not None
        place: Any = given.pop("by").get_channel(int(self.standin.world.channel(channel).id))
        await place.send(text, **given)
