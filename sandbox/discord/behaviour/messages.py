"""Messages: made, edited and deleted, with everything that follows from it.

Owns nonces, what an edit may change, and who is given which event. Used alike by the bot's
requests, by answers to interactions and by people. Must not know who may write (`access`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sandbox.discord.behaviour.membership import Membership
from sandbox.discord.core import Core
from sandbox.discord.rules.errors import rate_limited
from sandbox.discord.rules.mentions import mention
from sandbox.discord.rules.message_rules import Draft
from sandbox.discord.state.models import (
    Channel,
    Message,
    MessageFlag,
    MessageKind,
    Sticker,
)
from sandbox.discord.state.sessions import Intent

Json = dict[str, Any]
NONCE_SECONDS = 300
OLD_SECONDS = 3600
OLD_EDITS = 10


@dataclass(kw_only=True)
class Origin:
    """The interaction a message answers."""

    interaction_id: str
    metadata: Json
    ephemeral_for: str | None = None


class Messages:
    """The one way in which messages come, change and go."""

    def __init__(self, core: Core, membership: Membership) -> None:
        self._core = core
        self._world = core.world
        self._membership = membership
        self._nonces: dict[tuple[str, str, str], tuple[float, str]] = {}

    # Making

    def by_nonce(self, author_id: str, channel_id: str, nonce: object) -> Message | None:
        """The message already sent with this nonce within the last minutes."""
        known = self._nonces.get((author_id, channel_id, str(nonce)))
        if known is None or self._core.clock() - known[0] > NONCE_SECONDS:
            return None
        return self._world.messages.get(known[1])

    def create(
        self,
        channel: Channel,
        author_id: str,
        draft: Draft,
        *,
        reference: Json | None = None,
        replied_to: Message | None = None,
        ping: bool | None = None,
        nonce: str | int | None = None,
        origin: Origin | None = None,
        kind: MessageKind | None = None,
        stickers: Iterable[Sticker] = (),
        snapshot: Message | None = None,
    ) -> Message:
        """A new message, stored and published to everybody who may see it."""
        message = Message(
            id=self._core.ids.next(),
            channel_id=channel.id,
            author_id=author_id,
            created_at=self._core.clock(),
            kind=kind or (MessageKind.REPLY if reference else MessageKind.DEFAULT),
            content=draft.content or "",
            flags=draft.flags & ~MessageFlag.EPHEMERAL,
            embeds=draft.embeds or [],
            components=draft.components or [],
            attachments=draft.attachments or [],
            reference=reference,
            nonce=nonce,
            stickers=list(stickers),
            snapshot=snapshot,
        )
        if origin:
            message.interaction_id = origin.interaction_id
            message.interaction_metadata = origin.metadata
            message.visible_to = origin.ephemeral_for
            if origin.ephemeral_for:
                message.flags |= MessageFlag.EPHEMERAL
                for file in message.attachments:
                    file.ephemeral = True
        mention(
            self._world, channel, message, draft.allowed_mentions, replied_to=replied_to, ping=ping
        )
        self._store(channel, message)
        if nonce is not None:
            self._remember_nonce(author_id, channel.id, nonce, message)
        return message

    def system(self, channel: Channel, author_id: str, kind: MessageKind, **fields: Any) -> Message:
        """A message that Discord itself writes (a member was added, a thread was made)."""
        message = Message(
            id=self._core.ids.next(),
            channel_id=channel.id,
            author_id=author_id,
            created_at=self._core.clock(),
            kind=kind,
            **fields,
        )
        self._store(channel, message)
        return message

    def _store(self, channel: Channel, message: Message) -> None:
        thread = channel.thread
        if thread and not message.ephemeral:
            if thread.archived:
                thread.archived = False
                self._membership.changed(channel)
            message.position = thread.message_count
            thread.message_count += message.kind in (MessageKind.DEFAULT, MessageKind.REPLY)
            joining = [message.author_id, *message.mentions]
            self._membership.join(channel, joining)
        self._world.add_message(message)
        self.publish("MESSAGE_CREATE", message)

    def _remember_nonce(
        self, author_id: str, channel_id: str, nonce: str | int, message: Message
    ) -> None:
        now = self._core.clock()
        if len(self._nonces) > 1000:
            self._nonces = {
                key: kept for key, kept in self._nonces.items() if now - kept[0] <= NONCE_SECONDS
            }
        self._nonces[author_id, channel_id, str(nonce)] = (now, message.id)

    # Changing

    def edit(self, message: Message, draft: Draft) -> Message:
        """An edit that passed the rules, applied and published."""
        now = self._core.clock()
        self._too_many_old_edits(message, now)
        if draft.content is not None:
            message.content = draft.content
        if draft.embeds is not None:
            message.embeds = draft.embeds
        if draft.components is not None:
            message.components = draft.components
        if draft.attachments is not None:
            kept = {file.id for file in draft.attachments}
            for file in message.attachments:
                if file.id not in kept:
                    self._world.attachments.pop(file.id, None)
                    file.path.unlink(missing_ok=True)
            message.attachments = draft.attachments
            for file in draft.attachments:
                file.ephemeral = message.ephemeral
                self._world.attachments[file.id] = file
        keep = MessageFlag.EPHEMERAL | MessageFlag.COMPONENTS_V2
        if "flags" in draft.fields:
            message.flags = message.flags & keep | draft.flags & ~MessageFlag.EPHEMERAL
        message.flags &= ~MessageFlag.LOADING
        if draft.content is not None or draft.components is not None:
            # An edit pings nobody, but the list follows the words; a reply's target stays.
            channel = self._world.channels[message.channel_id]
            target = self._world.messages.get((message.reference or {}).get("message_id", ""))
            pinged = target is not None and target.author_id in message.mentions
            mention(
                self._world,
                channel,
                message,
                draft.allowed_mentions,
                replied_to=target,
                ping=pinged,
            )
        message.edited_at = now
        self.publish("MESSAGE_UPDATE", message)
        return message

    def _too_many_old_edits(self, message: Message, now: float) -> None:
        """Discord allows few edits of a message older than an hour."""
        if message.interaction_id or now - message.created_at <= OLD_SECONDS:
            return
        message.old_edits = [at for at in message.old_edits if now - at < OLD_SECONDS]
        if len(message.old_edits) >= OLD_EDITS:
            raise rate_limited(OLD_SECONDS - (now - message.old_edits[0]), code=30046)
        message.old_edits.append(now)

    def delete(self, message: Message) -> None:
        channel = self._world.channels[message.channel_id]
        self._world.remove_message(message)
        for file in message.attachments:
            file.path.unlink(missing_ok=True)
        data: Json = {"id": message.id, "channel_id": message.channel_id}
        if channel.guild_id:
            data["guild_id"] = channel.guild_id
        seen_by_bot = self._world.sees_message(self._world.bot_id, message)
        self._core.publish(
            "MESSAGE_DELETE",
            data,
            sees=self._seen_by(message),
            intent=self._intent(channel) if seen_by_bot else None,
        )

    # Publishing

    def publish(self, event: str, message: Message) -> None:
        """An event about a message: whole for people, by the content rule for the bot."""
        core = self._core
        channel = self._world.channels[message.channel_id]
        core.publish(event, core.render.gateway_message(message), sees=self._seen_by(message))
        if self._world.sees_message(self._world.bot_id, message):
            read = core.render.gateway_message(message, reads=self.readable)
            core.sessions.send(event, read, intent=self._intent(channel))

    def typing(self, channel: Channel) -> None:
        """The bot is typing."""
        self._core.publish(
            "TYPING_START",
            {
                "channel_id": channel.id,
                "user_id": self._world.bot_id,
                "timestamp": int(self._core.clock()),
            },
            sees=partial(self._world.sees, channel=channel),
        )

    def readable(self, message: Message) -> bool:
        """The content rule, without the privileged intent: whose words the bot is given."""
        bot = self._world.bot_id
        if message.author_id == bot or bot in message.mentions:
            return True
        channel = self._world.channels.get(message.channel_id)
        return channel is not None and channel.guild_id is None

    def _seen_by(self, message: Message) -> Callable[[str], bool]:
        return partial(self._world.sees_message, message=message)

    def _intent(self, channel: Channel) -> Intent:
        return Intent.GUILD_MESSAGES if channel.guild_id else Intent.DIRECT_MESSAGES
