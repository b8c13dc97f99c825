"""Interactions: a person's press, command or form, and how it stands.

Owns what an interaction is, its beginning, its three seconds and the state a person sees. Must not
know how a person's action becomes its data (`people`), nor what the bot may answer (`answers`).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.discord.core import Core
from sandbox.discord.state.models import Channel, Message

Json = dict[str, Any]
ANSWER_SECONDS = 3.0
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

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world
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
            id=self._core.ids.next(),
            token=secrets.token_urlsafe(48),
            kind=kind,
            user_id=user_id,
            channel_id=channel.id,
            guild_id=channel.guild_id,
            created_at=self._core.clock(),
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
        self._core.log.append("INTERACTION_CREATE", wire)
        self._core.sessions.send("INTERACTION_CREATE", wire)
        self.publish(interaction)
        return interaction

    def _metadata(
        self, interaction: Interaction, source: Message | None, behind: Interaction | None
    ) -> Json:
        metadata: Json = {
            "id": interaction.id,
            "type": WIRE_TYPE[interaction.kind],
            "user": self._core.render.user(self._world.users[interaction.user_id]),
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
        render = self._core.render
        wire: Json = {
            "id": interaction.id,
            "application_id": self._core.application_id,
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
        left = interaction.created_at + ANSWER_SECONDS - self._core.clock()
        interaction.timer = loop.call_later(max(left, 0.05), self._ring, interaction)

    def _ring(self, interaction: Interaction) -> None:
        self.expire(interaction)
        if interaction.state is State.PENDING:
            self._arm(interaction)

    def expire(self, interaction: Interaction) -> None:
        late = self._core.clock() - interaction.created_at >= ANSWER_SECONDS
        if interaction.state is State.PENDING and late:
            self.move(interaction, State.FAILED, error="The application did not respond")

    def advance(self, seconds: float) -> None:
        """Push the stand-in's clock forward; an interaction that is late now has failed."""
        self._core.clock.advance(seconds)
        for interaction in list(self._pending):
            self.expire(interaction)

    def close(self) -> None:
        for interaction in self._pending:
            if interaction.timer:
                interaction.timer.cancel()

    def move(self, interaction: Interaction, state: State, *, error: str | None = None) -> None:
        interaction.state = state
        interaction.error = error
        if state is not State.PENDING:
            self._pending.discard(interaction)
            if interaction.timer:
                interaction.timer.cancel()
        self.publish(interaction)

    # Seeing

    def get(self, interaction_id: str) -> Interaction:
        try:
            interaction = self._by_id[interaction_id]
        except KeyError:
            raise KeyError(f"there is no interaction {interaction_id}") from None
        self.expire(interaction)
        return interaction

    def with_token(self, token: str, *, interaction_id: str | None = None) -> Interaction | None:
        """The interaction a token belongs to; with an id, only if both are of the same one."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction_id not in (None, interaction.id):
            return None
        self.expire(interaction)
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
            "responses": [self._core.render.message(item) for item in messages if item],
        }

    def publish(self, interaction: Interaction) -> None:
        interaction.changed.set()
        interaction.changed = asyncio.Event()
        rendered = self.render(interaction)
        self._core.publish("INTERACTION", rendered, sees={interaction.user_id}.__contains__)

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
