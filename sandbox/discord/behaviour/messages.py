"""Messages: made, edited and deleted, with everything that follows from it.

Owns mentions, references, nonces, what an edit may change, and telling everybody. Used alike by the
bot's requests, by answers to interactions and by people. Must not know about HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.discord.rules.errors import DiscordError, invalid, missing_permissions, unknown
from sandbox.discord.rules.mentions import mention
from sandbox.discord.rules.message_rules import Draft
from sandbox.discord.state.models import (
    HOLDS_POSTS,
    Channel,
    Message,
    MessageFlag,
    MessageKind,
    Sticker,
)
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.sessions import Intent, Session

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

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

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin
        self._world = standin.world
        self._nonces: dict[tuple[str, str, str], tuple[float, str]] = {}

    # Making

    def by_nonce(self, author_id: str, channel_id: str, nonce: object) -> Message | None:
        """The message already sent with this nonce within the last minutes."""
        known = self._nonces.get((author_id, channel_id, str(nonce)))
        if known is None or self._standin.clock() - known[0] > NONCE_SECONDS:
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
        """A new message, stored and told to everybody who may see it."""
        message = Message(
            id=self._standin.ids.next(),
            channel_id=channel.id,
            author_id=author_id,
            created_at=self._standin.clock(),
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
        """A message that Discord itself writes (somebody was added, a thread was made)."""
        message = Message(
            id=self._standin.ids.next(),
            channel_id=channel.id,
            author_id=author_id,
            created_at=self._standin.clock(),
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
                self._standin.threads.changed(channel)
            message.position = thread.message_count
            thread.message_count += message.kind in (MessageKind.DEFAULT, MessageKind.REPLY)
            joining = [message.author_id, *message.mentions]
            self._standin.threads.join(channel, joining)
        self._world.add_message(message)
        self.tell("MESSAGE_CREATE", message)

    def _remember_nonce(
        self, author_id: str, channel_id: str, nonce: str | int, message: Message
    ) -> None:
        now = self._standin.clock()
        if len(self._nonces) > 1000:
            self._nonces = {
                key: kept for key, kept in self._nonces.items() if now - kept[0] <= NONCE_SECONDS
            }
        self._nonces[author_id, channel_id, str(nonce)] = (now, message.id)

    # Changing

    def edit(self, message: Message, draft: Draft) -> Message:
        """An edit that passed the rules, applied and told."""
        now = self._standin.clock()
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
        self.tell("MESSAGE_UPDATE", message)
        return message

    def _too_many_old_edits(self, message: Message, now: float) -> None:
        """Discord allows few edits of a message older than an hour."""
        if message.interaction_id or now - message.created_at <= OLD_SECONDS:
            return
        from sandbox.discord.rules.errors import rate_limited

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
        self._standin.tell(
            "MESSAGE_DELETE",
            data,
            sees=self._seen_by(message),
            intent=self._intent(channel),
            to_bot=not message.ephemeral and self._world.sees(self._world.bot_id, channel),
        )

    # Telling

    def tell(self, event: str, message: Message) -> None:
        """An event about a message: whole for people, by the content rule for the bot."""
        standin = self._standin
        channel = self._world.channels[message.channel_id]
        whole = standin.render.gateway_message(message)
        standin.log.append(event, whole)
        sees = self._seen_by(message)
        standin.streams.send(event, lambda _: whole, sees=sees)
        if message.ephemeral or not self._world.sees(self._world.bot_id, channel):
            return

        def view(session: Session) -> Json:
            if self._wholly_readable(message, session.intents):
                return whole
            reads = self.readable_with(session.intents)
            return standin.render.gateway_message(message, reads=reads)

        standin.gateway.send(event, view, intent=self._intent(channel))

    def _seen_by(self, message: Message) -> Any:
        return lambda user_id: self._world.sees_message(user_id, message)

    def _intent(self, channel: Channel) -> Intent:
        return Intent.GUILD_MESSAGES if channel.guild_id else Intent.DIRECT_MESSAGES

    def readable_with(self, intents: Intent) -> Any:
        """The content rule: whose words the bot is given."""
        return lambda message: self._readable(message, intents)

    def _readable(self, message: Message, intents: Intent) -> bool:
        bot = self._world.bot_id
        if intents & Intent.MESSAGE_CONTENT or message.author_id == bot or bot in message.mentions:
            return True
        channel = self._world.channels.get(message.channel_id)
        return channel is not None and channel.guild_id is None

    def _wholly_readable(self, message: Message, intents: Intent) -> bool:
        if not self._readable(message, intents):
            return False
        target = self._world.messages.get((message.reference or {}).get("message_id", ""))
        return target is None or self._readable(target, intents)

    # Finding, and what a reply points at

    def find(self, channel: Channel, message_id: str) -> Message:
        message = channel.messages.get(message_id)
        if message is None or message.ephemeral:
            raise unknown("Message")
        return message

    def reply(
        self, channel: Channel, author_id: str, given: Json | None
    ) -> tuple[Json | None, Message | None]:
        """The reference as Discord keeps it, and its target; faults are Discord's own."""
        if not given:
            return None, None
        if not self._world.allowed(author_id, channel) & Permission.READ_MESSAGE_HISTORY:
            raise DiscordError(
                403, 160002, "Cannot reply without permission to read message history"
            )
        target = self._world.messages.get(str(given.get("message_id")))
        where = str(given.get("channel_id") or channel.id)
        if target is None or target.channel_id != channel.id or where != channel.id:
            if given.get("fail_if_not_exists") is False:
                return None, None
            raise invalid("REPLIES_UNKNOWN_MESSAGE", "Unknown message", "message_reference")
        if target.ephemeral:
            raise invalid("REPLIES_UNKNOWN_MESSAGE", "Unknown message", "message_reference")
        if target.kind not in (
            MessageKind.DEFAULT,
            MessageKind.REPLY,
            MessageKind.CHAT_INPUT_COMMAND,
            MessageKind.CONTEXT_MENU_COMMAND,
        ):
            raise invalid(
                "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE",
                "Cannot reply to a system message",
                "message_reference",
            )
        reference: Json = {"type": 0, "channel_id": channel.id, "message_id": target.id}
        if channel.guild_id:
            reference["guild_id"] = channel.guild_id
        return reference, target

    def may_write(self, channel: Channel, author_id: str, *, files: bool, embeds: bool) -> None:
        """Discord's refusals for somebody who may not write here."""
        allowed = self._world.allowed(author_id, channel)
        if not allowed & Permission.VIEW_CHANNEL:
            raise DiscordError(403, 50001, "Missing Access")
        if channel.kind in HOLDS_POSTS:
            raise DiscordError(400, 50008, "Cannot send messages in a non-text channel")
        thread = channel.thread
        if thread and thread.locked and not allowed & Permission.MANAGE_THREADS:
            raise DiscordError(403, 160005, "Thread is locked")
        needed = Permission.SEND_MESSAGES_IN_THREADS if thread else Permission.SEND_MESSAGES
        if files:
            needed |= Permission.ATTACH_FILES
        if embeds:
            needed |= Permission.EMBED_LINKS
        if allowed & needed != needed:
            raise missing_permissions()
        if channel.guild_id is None and author_id == self._world.bot_id:
            other = self._world.users[next(u for u in channel.recipients if u != author_id)]
            if not other.dms_open or not self._world.shares_guild(other.id, author_id):
                raise DiscordError(403, 50007, "Cannot send messages to this user")
