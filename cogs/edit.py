"""Edits: by replying to a video, by the button Edit, by the menu "Edit video"; and Extend."""

from functools import partial
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.catalogue import Mode
from bot.domain.errors import Code, Refused, RetakeError
from bot.domain.generation import Generation
from bot.domain.request import Operation, ReplyMode, VideoRequest
from bot.ui.cards import forms
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.inbound import context, replies, sources
from bot.ui.inbound.answers import open_form
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.inbound.drafts import IncomingFiles
from bot.ui.inbound.errors import ErrorBoundary
from bot.ui.inbound.missed_replies import Absence
from bot.ui.inbound.requests import passes, send, submit
from bot.ui.inbound.revisions import Revisions
from bot.ui.text.translation import said


class EditCog(commands.Cog):
    """Makes another version of a video."""

    def __init__(self, client: RetakeClient) -> None:
        self.client = client
        self.absence = Absence(client, partial(self._reply, late=True))
        self.revisions = Revisions(client)
        self.menu = app_commands.ContextMenu(name=said("command.menu.edit"), callback=self.choose)

    async def cog_load(self) -> None:
        self.client.tree.add_command(self.menu)
        self.client.handlers |= {
            Action.EDIT: self.edit,
            Action.EXTEND: self.extend,
            Action.FORM_EDIT: self.edited,
            Action.FORM_EXTEND: self.extended,
            Action.FORM_UPLOAD: self.upload_edited,
        }

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Take a reply to a finished video as an edit of that version."""
        if replies.is_reply(message):
            self.absence.saw(message)
            await self._reply(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Order what an edited reply says now, while what it said before still waits."""
        message = event.message
        if not replies.is_reply(message):
            return
        messages = replies.messages(message)

        async def tell(text: str) -> None:
            await replies.tell(message, text)

        async with ErrorBoundary(messages=messages, titles=self.client.titles(), tell=tell):
            await self.revisions.edited(message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Cancel what a deleted reply ordered, while it still waits."""
        await self.revisions.deleted([event.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self.revisions.deleted(event.message_ids)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Read what was missed: Discord repeats nothing from before a fresh session."""
        await self.absence.ended()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        await self.absence.repeated()

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self.absence.began()

    async def _reply(self, message: discord.Message, *, late: bool = False) -> None:
        messages = replies.messages(message)
        reply: replies.Reply | None = None
        retry = ""

        async def tell(text: str) -> None:
            await replies.tell(message, text, about=reply and reply.subject, send=retry)

        async with ErrorBoundary(messages=messages, titles=self.client.titles(), tell=tell):
            reply = await replies.read(self.client, message)
            if reply is None or reply.reaction:
                return
            if reply.hidden:
                raise Refused(Code.CONTENT_HIDDEN)
            if self.client.options.replies is not ReplyMode.EDIT:
                await self._ask_first(message, reply)
                return
            try:
                async with self.revisions.during(message):
                    receipt = await send(self.client, reply.draft)
            except RetakeError as error:
                retry = "button.retry" if passes(error) else ""
                raise
            if late and not receipt.repeated:
                await replies.tell(message, messages.say("reply.late"))

    async def _ask_first(self, message: discord.Message, reply: replies.Reply) -> None:
        """Where a reply alone starts nothing: ask, or point to the button."""
        messages = replies.messages(message)
        if self.client.options.replies is ReplyMode.OFF:
            if replies.speaks_to_us(self.client, message):
                await replies.tell(message, messages.say("reply.off"), about=reply.subject)
            return
        self.client.retries.remember(message.author.id, reply.draft.id, reply.draft)
        text = messages.say("reply.ask", version=reply.subject.version)
        await replies.tell(message, text, about=reply.subject, send="button.make_it")

    async def edit(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the button *Edit*: open a form with the last instruction in it."""
        subject = await self._subject(interaction, control)
        await open_form(interaction, self._form(subject, interaction))

    async def choose(self, interaction: Interaction, message: discord.Message) -> None:
        """Handle the menu on a message with a video: ours, or one that a member uploaded."""
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
        """Handle the form about one of our videos."""
        filled = forms.Submission.read(interaction.data or {})
        files = IncomingFiles(images=filled.files.get(forms.IMAGES, ()))
        request = VideoRequest(operation=Operation.EDIT, prompt=filled.text(forms.PROMPT))
        parent_id = control.generation()
        await submit(
            interaction, context.draft(interaction, request, files=files, parent_id=parent_id)
        )

    async def upload_edited(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the form about a video that a member uploaded."""
        filled = forms.Submission.read(interaction.data or {})
        videos = interaction.client.sources.recall(interaction.user.id, control.message_id)
        files = IncomingFiles(images=filled.files.get(forms.IMAGES, ()), shown_videos=videos)
        request = VideoRequest(operation=Operation.EDIT, prompt=filled.text(forms.PROMPT))
        await submit(interaction, context.draft(interaction, request, files=files))

    async def extend(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the button *Extend*: open a form about what happens next."""
        subject = await self._subject(interaction, control)
        messages, catalogue = self.client.messages(interaction), self.client.services.catalogue
        await open_form(interaction, forms.extend_form(subject, catalogue, messages))

    async def extended(self, interaction: Interaction, control: ControlId) -> None:
        """Handle the form about what happens next."""
        filled = forms.Submission.read(interaction.data or {})
        request = VideoRequest(
            operation=Operation.EXTEND,
            prompt=filled.text(forms.PROMPT),
            duration=filled.duration(),
        )
        await submit(
            interaction, context.draft(interaction, request, parent_id=control.generation())
        )

    async def _subject(self, interaction: Interaction, control: ControlId) -> Generation:
        viewer = context.viewer(interaction)
        return await self.client.services.lookup.by_id(control.generation(), viewer=viewer)

    def _form(self, subject: Generation, interaction: Interaction) -> forms.Form:
        messages = interaction.client.messages(interaction)
        return forms.edit_form(subject, messages, most_images=self._most_images())

    def _most_images(self) -> int:
        """The number of images that any model takes next to a video to edit."""
        offers = self.client.services.catalogue.offers
        return max((o.max_images for o in offers if o.mode is Mode.EDIT), default=0)


async def setup(client: Any) -> None:
    """Add the cog; the library calls this."""
    await client.add_cog(EditCog(client))
