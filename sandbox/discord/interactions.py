"""Interactions: a person's press, command or form, and the bot's answer in time.

Owns the three seconds, the fifteen minutes, the one callback, "thinking", follow-ups and the state
a person sees. Must not know how a person's wish becomes an interaction's data (`people`), nor HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sandbox.discord.errors import DiscordError, Form, invalid, too_large, unknown
from sandbox.discord.message_rules import Draft, Upload
from sandbox.discord.messages import Origin
from sandbox.discord.modals import check_modal
from sandbox.discord.world import Channel, Message, MessageFlag, MessageKind

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

Json = dict[str, Any]
ANSWER_SECONDS = 3.0
TOKEN_SECONDS = 15 * 60.0
KEPT = 5000


class Kind(StrEnum):
    COMMAND = "command"
    CONTEXT = "context"
    COMPONENT = "component"
    AUTOCOMPLETE = "autocomplete"
    MODAL = "modal"


WIRE_TYPE = {
    Kind.COMMAND: 2,
    Kind.CONTEXT: 2,
    Kind.COMPONENT: 3,
    Kind.AUTOCOMPLETE: 4,
    Kind.MODAL: 5,
}


class State(StrEnum):
    PENDING = "pending"
    DEFERRED = "deferred"
    ANSWERED = "answered"
    MODAL = "modal"
    FAILED = "failed"


class Callback:
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


@dataclass(kw_only=True, eq=False)
class Interaction:
    id: str
    token: str
    kind: Kind
    user_id: str
    channel_id: str
    guild_id: str | None
    created_at: float
    data: Json
    metadata: Json
    # The message whose component was pressed, also behind a modal that it opened.
    source_id: str | None = None
    source_user_saw: bool = True
    state: State = State.PENDING
    error: str | None = None
    modal: Json | None = None
    choices: list[Json] | None = None
    callback: int | None = None
    ephemeral: bool = False
    original_id: str | None = None
    responses: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None


class Interactions:
    """Every interaction there was lately, by id and by token."""

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin
        self._world = standin.world
        self._by_id: dict[str, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}
        self._pending: set[Interaction] = set()

    # Beginning

    def begin(
        self,
        kind: Kind,
        user_id: str,
        channel: Channel,
        data: Json,
        *,
        source: Message | None = None,
        behind: Interaction | None = None,
    ) -> Interaction:
        """A new interaction, sent to the bot; its three seconds start now."""
        interaction = Interaction(
            id=self._standin.ids.next(),
            token=secrets.token_urlsafe(48),
            kind=kind,
            user_id=user_id,
            channel_id=channel.id,
            guild_id=channel.guild_id,
            created_at=self._standin.clock(),
            data=data,
            metadata={},
            source_id=source.id if source else None,
        )
        interaction.metadata = self._metadata(interaction, source, behind)
        self._by_id[interaction.id] = interaction
        self._by_token[interaction.token] = interaction
        self._pending.add(interaction)
        self._forget_old()
        self._arm(interaction)
        wire = self._wire(interaction, channel, source)
        self._standin.log.append("INTERACTION_CREATE", wire)
        self._standin.gateway.send("INTERACTION_CREATE", lambda _: wire)
        self._tell(interaction)
        return interaction

    def _metadata(
        self, interaction: Interaction, source: Message | None, behind: Interaction | None
    ) -> Json:
        metadata: Json = {
            "id": interaction.id,
            "type": WIRE_TYPE[interaction.kind],
            "user": self._standin.render.user(self._world.users[interaction.user_id]),
            "authorizing_integration_owners": {"0": interaction.guild_id or "0"},
        }
        if interaction.kind is Kind.CONTEXT:
            metadata["target_message_id"] = interaction.data["target_id"]
        if interaction.kind is Kind.COMPONENT and source:
            metadata["interacted_message_id"] = source.id
        if interaction.kind is Kind.MODAL and behind:
            metadata["triggering_interaction_metadata"] = behind.metadata
        return metadata

    def _wire(self, interaction: Interaction, channel: Channel, source: Message | None) -> Json:
        render = self._standin.render
        wire: Json = {
            "id": interaction.id,
            "application_id": self._standin.application_id,
            "type": WIRE_TYPE[interaction.kind],
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": channel.id,
            "channel": render.interaction_channel(channel, interaction.user_id),
            "locale": "en-US",
            "attachment_size_limit": self._world.largest_upload(channel),
            "app_permissions": render.app_permissions(channel),
            "entitlements": [],
            "authorizing_integration_owners": {"0": channel.guild_id or "0"},
            "context": 0 if channel.guild_id else 1,
        }
        user = render.user(self._world.users[interaction.user_id])
        if channel.guild_id:
            guild = self._world.guilds[channel.guild_id]
            permissions = self._world.allowed(interaction.user_id, channel)
            member = render.member(guild.members[interaction.user_id])
            wire |= {
                "guild_id": guild.id,
                "guild": {"id": guild.id, "locale": "en-US", "features": []},
                "guild_locale": "en-US",
                "member": member | {"permissions": str(permissions.value)},
            }
        else:
            wire["user"] = user
        if source:
            wire["message"] = render.message(source)
        return wire

    def _forget_old(self) -> None:
        while len(self._by_id) > KEPT:
            oldest = next(iter(self._by_id))
            gone = self._by_id.pop(oldest)
            self._by_token.pop(gone.token, None)
            self._pending.discard(gone)

    # Time

    def _arm(self, interaction: Interaction) -> None:
        loop = asyncio.get_running_loop()
        left = interaction.created_at + ANSWER_SECONDS - self._standin.clock()
        interaction.timer = loop.call_later(max(left, 0.05), self._ring, interaction)

    def _ring(self, interaction: Interaction) -> None:
        self._expire(interaction)
        if interaction.state is State.PENDING:
            self._arm(interaction)

    def _expire(self, interaction: Interaction) -> None:
        late = self._standin.clock() - interaction.created_at >= ANSWER_SECONDS
        if interaction.state is State.PENDING and late:
            self._move(interaction, State.FAILED, error="The application did not respond")

    def tick(self) -> None:
        """The clock has moved: whoever is late has failed."""
        for interaction in list(self._pending):
            self._expire(interaction)

    def close(self) -> None:
        for interaction in self._pending:
            if interaction.timer:
                interaction.timer.cancel()

    def _move(self, interaction: Interaction, state: State, *, error: str | None = None) -> None:
        interaction.state = state
        interaction.error = error
        if state is not State.PENDING:
            self._pending.discard(interaction)
            if interaction.timer:
                interaction.timer.cancel()
        self._tell(interaction)

    # Seeing

    def get(self, interaction_id: str) -> Interaction:
        try:
            interaction = self._by_id[interaction_id]
        except KeyError:
            raise KeyError(f"there is no interaction {interaction_id}") from None
        self._expire(interaction)
        return interaction

    def render(self, interaction: Interaction) -> Json:
        """The interaction as the person who began it sees it."""
        messages = (self._world.messages.get(message_id) for message_id in interaction.responses)
        message_id = interaction.original_id
        return {
            "id": interaction.id,
            "state": interaction.state.value,
            "kind": interaction.kind.value,
            "user_id": interaction.user_id,
            "channel_id": interaction.channel_id,
            "error": interaction.error,
            "modal": interaction.modal,
            "choices": interaction.choices,
            "message_id": message_id,
            "source_message_id": interaction.source_id,
            "responses": [self._standin.render.message(item) for item in messages if item],
        }

    def _tell(self, interaction: Interaction) -> None:
        interaction.changed.set()
        interaction.changed = asyncio.Event()
        rendered = self.render(interaction)
        self._standin.log.append("INTERACTION", rendered)
        self._standin.streams.send(
            "INTERACTION", lambda _: rendered, sees=lambda user: user == interaction.user_id
        )

    async def settled(self, interaction_id: str, *, wait: float) -> Interaction:
        """The interaction when it has left `pending` and `deferred`, or after that time."""
        interaction = self.get(interaction_id)
        try:
            async with asyncio.timeout(wait):
                while interaction.state in (State.PENDING, State.DEFERRED):
                    await interaction.changed.wait()
        except TimeoutError:
            pass
        return self.get(interaction_id)

    # Answering

    def open(self, interaction_id: str, token: str) -> Interaction:
        """The interaction a callback is for, if it may still be called back."""
        interaction = self._by_id.get(interaction_id)
        if interaction is None or not secrets.compare_digest(
            interaction.token.encode(), token.encode()
        ):
            raise unknown("interaction")
        self._expire(interaction)
        if interaction.state is State.FAILED:
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
                self._move(interaction, State.ANSWERED)
            case Callback.DEFERRED_MESSAGE:
                draft = self._draft(interaction, data, {}, at=("data",), may_be_empty=True)
                interaction.callback = callback
                interaction.ephemeral = bool(draft.flags & MessageFlag.EPHEMERAL)
                thinking = Draft(flags=MessageFlag.LOADING | draft.flags)
                message = self._post(interaction, thinking, kind=self._kind(interaction))
                interaction.original_id = message.id
                self._move(interaction, State.DEFERRED)
            case Callback.DEFERRED_UPDATE:
                interaction.callback = callback
                interaction.original_id = interaction.source_id
                self._move(interaction, State.ANSWERED)
            case Callback.UPDATE:
                source = self._source(interaction)
                draft = self._draft(interaction, data, uploads, at=("data",), editing=source)
                interaction.callback = callback
                message = self._standin.messages.edit(source, draft)
                interaction.original_id = source.id
                self._move(interaction, State.ANSWERED)
            case Callback.AUTOCOMPLETE:
                interaction.choices = check_choices(data)
                interaction.callback = callback
                self._move(interaction, State.ANSWERED)
            case Callback.MODAL:
                form = Form()
                check_modal(form, data)
                form.check()
                interaction.callback = callback
                interaction.modal = data
                self._move(interaction, State.MODAL)
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
        return self._standin.rules.draft(
            data,
            uploads,
            channel_id=channel.id,
            editing=editing,
            at=at,
            may_be_empty=may_be_empty,
        )

    def _post(self, interaction: Interaction, draft: Draft, *, kind: MessageKind) -> Message:
        channel = self._world.channels[interaction.channel_id]
        ephemeral = interaction.ephemeral or bool(draft.flags & MessageFlag.EPHEMERAL)
        metadata = dict(interaction.metadata)
        if interaction.original_id and interaction.callback != Callback.DEFERRED_UPDATE:
            metadata["original_response_message_id"] = interaction.original_id
        reference, target = None, None
        if interaction.kind is Kind.COMPONENT and (
            source := self._world.messages.get(interaction.source_id or "")
        ):
            if not source.ephemeral and source.channel_id == channel.id:
                target = source
                reference = {"type": 0, "channel_id": channel.id, "message_id": source.id}
                if channel.guild_id:
                    reference["guild_id"] = channel.guild_id
                kind = MessageKind.REPLY
        message = self._standin.messages.create(
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
        interaction = self._by_token.get(token)
        if interaction is None or interaction.callback is None:
            raise unknown("Webhook")
        if interaction.kind is Kind.AUTOCOMPLETE:
            raise unknown("Webhook")
        if self._standin.clock() - interaction.created_at >= TOKEN_SECONDS:
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
        self._tell(interaction)
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
        self._standin.messages.edit(message, draft)
        if interaction.state is State.DEFERRED and message.id == interaction.original_id:
            self._move(interaction, State.ANSWERED)
        else:
            self._tell(interaction)
        return message

    def delete(self, interaction: Interaction, message_id: str) -> None:
        message = self.message(interaction, message_id)
        self._standin.messages.delete(message)
        if interaction.state is State.DEFERRED and message.id == interaction.original_id:
            self._move(interaction, State.ANSWERED)
        else:
            self._tell(interaction)


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
