"""Edits: by replying to a video, by the button Edit, by the menu "Edit video"; and Extend."""

from functools import partial
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.catalogue import Mode
from bot.domain.errors import Code, Refused, RetakeError
from bot.domain.generation import Generation
from bot.domain.request import Operation, VideoRequest
from bot.ui.cards import forms
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.inbound import context, replies, sources
from bot.ui.inbound.answers import open_form
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.inbound.errors import ErrorBoundary
from bot.ui.inbound.missed_replies import Absence
from bot.ui.inbound.requests import IncomingFiles, StoredFiles, order, take_in
from bot.ui.inbound.retries import passes
from bot.ui.text.translation import said

if TYPE_CHECKING:
    from bot.services.generate import GenerationRequest, Receipt


class EditCog(commands.Cog):
    """Makes another version of a video."""

    def __init__(self, client: RetakeClient) -> None:
        self.client = client
        self.absence = Absence(client, self._missed)
        self.menu = app_commands.ContextMenu(name=said("command.menu.edit"), callback=self.choose)

    async def cog_load(self) -> None:
        self.client.tree.add_command(self.menu)
        self.client.control_router.on(Action.EDIT, self.edit)
        self.client.control_router.on(Action.EXTEND, self.extend)
        self.client.control_router.on(Action.FORM_EDIT, self.edited)
        self.client.control_router.on(Action.FORM_EXTEND, self.extended)
        self.client.control_router.on(Action.FORM_UPLOAD, self.upload_edited)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A reply to a finished video is an edit of that very version."""
        if message.author.bot or message.type is not discord.MessageType.reply:
            return
        self.absence.saw(message)
        await self._heard(message)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Discord does not repeat what was written before a fresh session."""
        await self.absence.ended()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        await self.absence.repeated()

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self.absence.began()

    async def _missed(self, message: discord.Message) -> None:
        await self._heard(message, late=True)

    async def _heard(self, message: discord.Message, *, late: bool = False) -> None:
        messages = replies.messages(message)
        subject: Generation | None = None
        offer_retry = False

        async def tell(text: str) -> None:
            await replies.tell(message, text, about=subject, retry=offer_retry)

        async with ErrorBoundary(messages=messages, titles=self.client.titles(), tell=tell):
            subject = await replies.subject(self.client, message)
            if subject is None:
                return
            attempt = partial(self._reply, message, subject)
            try:
                receipt = await attempt()
            except RetakeError as error:
                if offer_retry := passes(error):
                    self.client.retries.remember(message.author.id, message.id, attempt)
                raise
            if late and not receipt.repeated:
                await replies.tell(message, messages.say("reply.late"), about=None)

    async def edit(self, interaction: Interaction, control: ControlId) -> None:
        """The button: a form with the last instruction in it."""
        client = interaction.client
        subject = await client.services.edit.by_id(
            control.generation(), viewer=context.viewer(interaction)
        )
        await open_form(interaction, self._form(subject, interaction))

    async def choose(self, interaction: Interaction, message: discord.Message) -> None:
        """The menu, on any message with a video: ours, or one that somebody uploaded."""
        client = interaction.client
        if client.user is not None and message.author.id == client.user.id:
            subject = await replies.ours(client, message, viewer=context.viewer(interaction))
            if subject is not None:
                await open_form(interaction, self._form(subject, interaction))
                return
        videos = sources.videos(message)
        if not videos:
            raise Refused(Code.NOT_A_VIDEO)
        client.sources.remember(interaction.user.id, message.id, videos)
        most = self._most_images()
        messages = client.messages(interaction)
        await open_form(interaction, forms.upload_form(message.id, messages, most_images=most))

    async def edited(self, interaction: Interaction, control: ControlId) -> None:
        """The form about one of our videos was sent off."""
        filled = forms.Submission.read(interaction.data or {})

        def build_request(taken: StoredFiles) -> "GenerationRequest":
            request = VideoRequest(
                operation=Operation.EDIT, prompt=filled.text(forms.PROMPT), images=taken.images
            )
            return context.ask(interaction, request, parent_id=control.generation())

        await order(
            interaction, IncomingFiles(images=filled.files.get(forms.IMAGES, ())), build_request
        )

    async def upload_edited(self, interaction: Interaction, control: ControlId) -> None:
        """The form about somebody's upload was sent off."""
        filled = forms.Submission.read(interaction.data or {})
        videos = interaction.client.sources.recall(interaction.user.id, control.message_id)

        def build_request(taken: StoredFiles) -> "GenerationRequest":
            request = VideoRequest(
                operation=Operation.EDIT,
                prompt=filled.text(forms.PROMPT),
                images=taken.images,
                video=taken.video,
                video_url=taken.video_url,
            )
            return context.ask(interaction, request)

        given = IncomingFiles(images=filled.files.get(forms.IMAGES, ()), shown_videos=videos)
        await order(interaction, given, build_request)

    async def extend(self, interaction: Interaction, control: ControlId) -> None:
        """The button: a form about what happens next."""
        client = interaction.client
        subject = await client.services.edit.by_id(
            control.generation(), viewer=context.viewer(interaction)
        )
        messages = client.messages(interaction)
        await open_form(
            interaction, forms.extend_form(subject, client.services.catalogue, messages)
        )

    async def extended(self, interaction: Interaction, control: ControlId) -> None:
        """The form about what happens next was sent off."""
        filled = forms.Submission.read(interaction.data or {})

        def build_request(taken: StoredFiles) -> "GenerationRequest":
            request = VideoRequest(
                operation=Operation.EXTEND,
                prompt=filled.text(forms.PROMPT),
                duration=filled.duration(),
                images=taken.images,
            )
            return context.ask(interaction, request, parent_id=control.generation())

        await order(interaction, IncomingFiles(), build_request)

    async def _reply(self, message: discord.Message, subject: Generation) -> "Receipt":
        """Take a reply for what it is: an instruction, with attachments to go by."""
        prompt = await replies.instruction(self.client, message)
        given = IncomingFiles(images=tuple(sources.incoming(file) for file in message.attachments))
        services = self.client.services
        taken = await take_in(services, given)
        request = VideoRequest(operation=Operation.EDIT, prompt=prompt, images=taken.images)
        return await services.generate.request(
            context.ask_of_reply(
                message,
                await replies.channel(self.client, message),
                request,
                parent_id=subject.id,
                locale=replies.locale(message),
            )
        )

    def _form(self, subject: Generation, interaction: Interaction) -> forms.Form:
        messages = interaction.client.messages(interaction)
        return forms.edit_form(subject, messages, most_images=self._most_images())

    def _most_images(self) -> int:
        """How many images any model takes beside a video to edit."""
        offers = self.client.services.catalogue.offers
        return max((o.max_images for o in offers if o.mode is Mode.EDIT), default=0)


async def setup(client: Any) -> None:
    """Called by the library when the cog is loaded."""
    await client.add_cog(EditCog(client))
