"""The bot's answers to interactions: the one callback in time, "thinking", and what follows.

Owns which callback fits, the fifteen minutes of a token and the messages made through it. Must not
know how an interaction began (`interactions`), nor HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.discord.behaviour.interactions import Interaction, Interactions, Kind, State
from sandbox.discord.behaviour.messages import Messages, Origin
from sandbox.discord.core import Core
from sandbox.discord.rules.access import reference_to
from sandbox.discord.rules.errors import DiscordError, Form, invalid, too_large, unknown
from sandbox.discord.rules.message_rules import Draft, Upload
from sandbox.discord.rules.modals import check_modal
from sandbox.discord.state.models import Message, MessageFlag, MessageKind

Json = dict[str, Any]
TOKEN_SECONDS = 15 * 60.0


class Callback:
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


class Answers:
    """What the bot does with an interaction it was given."""

    def __init__(self, core: Core, messages: Messages, interactions: Interactions) -> None:
        self._core = core
        self._world = core.world
        self._messages = messages
        self._interactions = interactions

    def open(self, interaction_id: str, token: str) -> Interaction:
        """The interaction a callback is for, if it may still be called back."""
        interaction = self._interactions.with_token(token, interaction_id=interaction_id)
        if interaction is None or interaction.state is State.FAILED:
            raise unknown("interaction")
        if interaction.callback is not None:
            raise DiscordError(400, 40060, "Interaction has already been acknowledged.")
        return interaction

    def answer(
        self, interaction: Interaction, body: Json, uploads: Mapping[int, Upload]
    ) -> Message | None:
        """The first callback; the message it made or changed, if any."""
        callback = body.get("type")
        if callback not in self._fitting(interaction):
            choices = ", ".join(map(str, self._fitting(interaction)))
            raise invalid("BASE_TYPE_CHOICES", f"Value must be one of {{{choices}}}.", "type")
        data = body.get("data")
        message: Message | None = None
        match callback:
            case Callback.MESSAGE:
                draft = self._draft(interaction, data, uploads, at=("data",))
                interaction.callback = callback
                interaction.ephemeral = bool(draft.flags & MessageFlag.EPHEMERAL)
                message = self._post(interaction, draft, kind=self._kind(interaction))
                interaction.original_id = message.id
                self._interactions.move(interaction, State.ANSWERED)
            case Callback.DEFERRED_MESSAGE:
                draft = self._draft(interaction, data, {}, at=("data",), may_be_empty=True)
                interaction.callback = callback
                interaction.ephemeral = bool(draft.flags & MessageFlag.EPHEMERAL)
                thinking = Draft(flags=MessageFlag.LOADING | draft.flags)
                message = self._post(interaction, thinking, kind=self._kind(interaction))
                interaction.original_id = message.id
                self._interactions.move(interaction, State.DEFERRED)
            case Callback.DEFERRED_UPDATE:
                interaction.callback = callback
                interaction.original_id = interaction.source_id
                self._interactions.move(interaction, State.ANSWERED)
            case Callback.UPDATE:
                source = self._source(interaction)
                draft = self._draft(interaction, data, uploads, at=("data",), editing=source)
                interaction.callback = callback
                message = self._messages.edit(source, draft)
                interaction.original_id = source.id
                self._interactions.move(interaction, State.ANSWERED)
            case Callback.AUTOCOMPLETE:
                interaction.choices = check_choices(data)
                interaction.callback = callback
                self._interactions.move(interaction, State.ANSWERED)
            case Callback.MODAL:
                form = Form()
                check_modal(form, data)
                form.check()
                interaction.callback = callback
                interaction.modal = data
                self._interactions.move(interaction, State.MODAL)
        return message

    def _fitting(self, interaction: Interaction) -> list[int]:
        if interaction.kind is Kind.AUTOCOMPLETE:
            return [Callback.AUTOCOMPLETE]
        fitting = [Callback.MESSAGE, Callback.DEFERRED_MESSAGE]
        if interaction.source_id:
            fitting += [Callback.DEFERRED_UPDATE, Callback.UPDATE]
        if interaction.kind is not Kind.MODAL:
            fitting.append(Callback.MODAL)
        return fitting

    def _kind(self, interaction: Interaction) -> MessageKind:
        if interaction.kind is Kind.COMMAND:
            return MessageKind.CHAT_INPUT_COMMAND
        if interaction.kind is Kind.CONTEXT:
            return MessageKind.CONTEXT_MENU_COMMAND
        return MessageKind.DEFAULT

    def _source(self, interaction: Interaction) -> Message:
        source = self._world.messages.get(interaction.source_id or "")
        if source is None:
            raise unknown("Message")
        return source

    def _draft(
        self,
        interaction: Interaction,
        data: Json | None,
        uploads: Mapping[int, Upload],
        *,
        at: tuple[str | int, ...] = (),
        editing: Message | None = None,
        may_be_empty: bool = False,
    ) -> Draft:
        channel = self._world.channels.get(interaction.channel_id)
        if channel is None:
            raise unknown("Channel")
        if any(upload.size > self._world.largest_upload(channel) for upload in uploads.values()):
            raise too_large()
        restrictions = self._core.restrictions
        restrictions.check_uploads(channel.guild_id, files=bool(uploads))
        draft = self._core.rules.draft(
            data,
            uploads,
            channel_id=channel.id,
            editing=editing,
            at=at,
            may_be_empty=may_be_empty,
        )
        if uploads and restrictions.loses_files():
            draft.attachments = []
        return draft

    def _post(self, interaction: Interaction, draft: Draft, *, kind: MessageKind) -> Message:
        channel = self._world.channels[interaction.channel_id]
        ephemeral = interaction.ephemeral or bool(draft.flags & MessageFlag.EPHEMERAL)
        metadata = dict(interaction.metadata)
        if interaction.original_id and interaction.callback != Callback.DEFERRED_UPDATE:
            metadata["original_response_message_id"] = interaction.original_id
        reference, target = None, None
        source = self._world.messages.get(interaction.source_id or "")
        shown = source is not None and not source.ephemeral
        if interaction.kind is Kind.COMPONENT and source and shown:
            # What a button answers is a reply to the message it hangs on.
            target, kind = source, MessageKind.REPLY
            reference = reference_to(channel, source)
        message = self._messages.create(
            channel,
            self._world.bot_id,
            draft,
            reference=reference,
            replied_to=target,
            ping=False if target else None,
            kind=kind,
            origin=Origin(
                interaction_id=interaction.id,
                metadata=metadata,
                ephemeral_for=interaction.user_id if ephemeral else None,
            ),
        )
        interaction.responses.append(message.id)
        return message

    # Afterwards, through the webhook

    def by_token(self, token: str) -> Interaction:
        """The interaction whose webhook this is, while its token lives and it was answered."""
        interaction = self._interactions.with_token(token)
        if interaction is None or interaction.callback is None:
            raise unknown("Webhook")
        if interaction.kind is Kind.AUTOCOMPLETE:
            raise unknown("Webhook")
        if self._core.clock() - interaction.created_at >= TOKEN_SECONDS:
            raise DiscordError(401, 50027, "Invalid Webhook Token")
        return interaction

    def follow_up(
        self, interaction: Interaction, body: Json, uploads: Mapping[int, Upload]
    ) -> Message:
        """Another message; the first one after "thinking" takes its place."""
        if interaction.state is State.DEFERRED:
            return self.edit(interaction, "@original", body, uploads)
        draft = self._draft(interaction, body, uploads)
        ephemeral, interaction.ephemeral = interaction.ephemeral, False
        try:
            message = self._post(interaction, draft, kind=MessageKind.DEFAULT)
        finally:
            interaction.ephemeral = ephemeral
        self._interactions.publish(interaction)
        return message

    def message(self, interaction: Interaction, message_id: str) -> Message:
        if message_id == "@original":
            message_id = interaction.original_id or ""
        elif message_id not in (*interaction.responses, interaction.source_id):
            raise unknown("Message")
        message = self._world.messages.get(message_id)
        if message is None:
            raise unknown("Message")
        return message

    def edit(
        self,
        interaction: Interaction,
        message_id: str,
        body: Json,
        uploads: Mapping[int, Upload],
    ) -> Message:
        message = self.message(interaction, message_id)
        draft = self._draft(interaction, body, uploads, editing=message)
        self._messages.edit(message, draft)
        self._changed(interaction, message)
        return message

    def delete(self, interaction: Interaction, message_id: str) -> None:
        message = self.message(interaction, message_id)
        self._messages.delete(message)
        self._changed(interaction, message)

    def _changed(self, interaction: Interaction, message: Message) -> None:
        if interaction.state is State.DEFERRED and message.id == interaction.original_id:
            self._interactions.move(interaction, State.ANSWERED)
        else:
            self._interactions.publish(interaction)


def check_choices(data: Json | None) -> list[Json]:
    """Autocomplete choices within Discord's limits."""
    form = Form()
    choices = (data or {}).get("choices")
    if not isinstance(choices, list):
        form.required("data", "choices")
        choices = []
    if len(choices) > 25:
        form.add(("data", "choices"), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for index, choice in enumerate(choices):
        if not 1 <= len(choice.get("name") or "") <= 100:
            form.length(1, 100, "data", "choices", index, "name")
        value = choice.get("value")
        if value is None:
            form.required("data", "choices", index, "value")
        elif isinstance(value, str) and len(value) > 100:
            form.too_long(100, "data", "choices", index, "value")
    form.check()
    return choices
