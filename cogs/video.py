"""New videos: ``/video``, the menu "Make a video of this", and the buttons Again and Retry."""

# ruff: noqa: ARG002, PLR0917
# The options image2 to image16 are read by name, and all options are given by name.

from collections.abc import Mapping
from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.ports.media import IncomingFile
from bot.domain.request import VideoRequest
from bot.domain.wording import wording
from bot.ui.cards import forms
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.inbound import context, replies, sources
from bot.ui.inbound.answers import answer, open_form
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.inbound.drafts import IncomingFiles
from bot.ui.inbound.mentions import Author, in_words
from bot.ui.inbound.requests import retry, submit
from bot.ui.text.translation import said

MORE_IMAGES = tuple(f"image{number}" for number in range(2, 17))
AUTO = said("command.video.auto")

File = discord.Attachment | None


class VideoCog(commands.Cog):
    """Makes videos from words, images and other videos."""

    def __init__(self, client: RetakeClient) -> None:
        self.client = client
        self.menu = app_commands.ContextMenu(name=said("command.menu.make"), callback=self.make)

    async def cog_load(self) -> None:
        self.client.tree.add_command(self.menu)
        self.client.handlers |= {
            Action.AGAIN: self.again,
            Action.RETRY: self.retry,
            Action.MAKE: self.begin,
            Action.FORM_MAKE: self.made,
        }

    @app_commands.command(name="video", description=said("command.video.about"))
    @app_commands.describe(
        prompt=said("command.video.prompt"),
        image=said("command.video.image"),
        video=said("command.video.video"),
        last_frame=said("command.video.last_frame"),
        aspect_ratio=said("command.video.aspect_ratio"),
        duration=said("command.video.duration"),
        resolution=said("command.video.resolution"),
        model=said("command.video.model"),
        private=said("command.video.private"),
        **dict.fromkeys(MORE_IMAGES, said("command.video.more_images")),
    )
    @app_commands.choices(
        aspect_ratio=[
            *(app_commands.Choice(name=ratio, value=ratio) for ratio in forms.RATIOS),
            app_commands.Choice(name=AUTO, value="auto"),
        ],
        duration=[
            app_commands.Choice(name=AUTO, value="auto"),
            *(
                app_commands.Choice(name=str(seconds), value=str(seconds))
                for seconds in range(forms.SHORTEST, forms.LONGEST + 1)
            ),
        ],
    )
    async def video(
        self,
        interaction: Interaction,
        prompt: app_commands.Range[str, 0, forms.MOST_PROMPT] = "",
        image: File = None,
        video: File = None,
        last_frame: File = None,
        aspect_ratio: str | None = None,
        duration: str | None = None,
        resolution: str | None = None,
        model: str | None = None,
        private: bool = False,  # noqa: FBT001, FBT002 - Discord's option is what it is
        image2: File = None,
        image3: File = None,
        image4: File = None,
        image5: File = None,
        image6: File = None,
        image7: File = None,
        image8: File = None,
        image9: File = None,
        image10: File = None,
        image11: File = None,
        image12: File = None,
        image13: File = None,
        image14: File = None,
        image15: File = None,
        image16: File = None,
    ) -> None:
        images = [image, *(getattr(interaction.namespace, name) for name in MORE_IMAGES)]
        files = IncomingFiles(
            images=tuple(sources.incoming(file) for file in images if file is not None),
            last_frame=None if last_frame is None else sources.incoming(last_frame),
            video=None if video is None else sources.incoming(video),
        )
        request = VideoRequest(
            prompt=prompt.strip(),
            model=model,
            aspect_ratio=aspect_ratio,
            duration=_duration(duration),
            resolution=resolution,
        )
        await submit(interaction, context.draft(interaction, request, files=files, private=private))

    @video.autocomplete("model")
    async def models(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        catalogue = interaction.client.services.catalogue
        return _matching(typed, {str(name): catalogue.titles[name] for name in catalogue.models()})

    @video.autocomplete("resolution")
    async def resolutions(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        offers = interaction.client.services.catalogue.offers
        return _matching(typed, {value: value for offer in offers for value in offer.resolutions})

    async def make(self, interaction: Interaction, message: discord.Message) -> None:
        """Handle the menu: open a form about the images (or the words) of a message."""
        images, messages = sources.images(message), interaction.client.messages(interaction)
        words = await self._named(interaction, sources.words(message), message)
        if images or wording(words):
            await self._open(interaction, message.id, wording(words), images)
            return
        lottie = sources.has_lottie(message)
        await answer(interaction, messages.say("make.lottie" if lottie else "make.no_image"))

    async def begin(self, interaction: Interaction, control: ControlId) -> None:
        """Handle *Make a video*: open the form with what the answered message says and shows."""
        reference = interaction.message.reference if interaction.message is not None else None
        asked = reference.resolved if reference is not None else None
        words, images = "", ()
        if isinstance(asked, discord.Message):
            said = replies.words(interaction.client, asked)
            words, images = await self._named(interaction, said, asked), sources.images(asked)
        await self._open(interaction, control.message_id or interaction.id, words, images)

    async def _named(self, interaction: Interaction, words: str, message: discord.Message) -> str:
        """Return a message's words with names in place of its mentions."""
        client = interaction.client
        author = Author(user=interaction.user, guild=interaction.guild, mentioned=message.mentions)
        messages, patience = client.messages(interaction), client.options.patience
        return await in_words(client, words, author, messages=messages, patience=patience)

    async def _open(
        self,
        interaction: Interaction,
        message_id: int,
        words: str,
        images: tuple[IncomingFile, ...],
    ) -> None:
        client = interaction.client
        client.sources.remember(interaction.user.id, message_id, images)
        catalogue, messages = client.services.catalogue, client.messages(interaction)
        await open_form(interaction, forms.make_form(message_id, words, catalogue, messages))

    async def made(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the form about a message."""
        filled = forms.Submission.read(interaction.data or {})
        images = interaction.client.sources.recall(interaction.user.id, control.message_id)
        files = IncomingFiles(shown_images=images)
        request = VideoRequest(
            prompt=filled.text(forms.PROMPT),
            model=filled.text(forms.MODEL) or None,
            aspect_ratio=filled.text(forms.ASPECT_RATIO) or None,
            duration=filled.duration(),
        )
        await submit(interaction, context.draft(interaction, request, files=files))

    async def again(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the button *Again*: the same request once more, by the member who pressed it."""
        draft = context.draft(interaction, VideoRequest(), repeat_of=control.generation())
        await submit(interaction, draft)

    async def retry(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the button *Retry*: a refused request once more, by the member who made it."""
        await retry(interaction, control.message_id)


def _matching(typed: str, titles: Mapping[str, str]) -> list[app_commands.Choice[str]]:
    return [
        app_commands.Choice(name=title[:100], value=value)
        for value, title in titles.items()
        if typed.strip().casefold() in f"{value} {title}".casefold()
    ][:25]


def _duration(chosen: str | None) -> int | Literal["auto"] | None:
    if chosen is None:
        return None
    return int(chosen) if chosen.isdecimal() else "auto"


async def setup(client: Any) -> None:
    """Add the cog; the library calls this."""
    await client.add_cog(VideoCog(client))
