"""People: what a person at their client does, as a real client would do it.

Owns turning a person's action into a message or an interaction, and refusing what no client would
send. Must not know about HTTP (`control`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sandbox.discord.behaviour.commands import Commands
from sandbox.discord.behaviour.interactions import Interaction, Interactions, Kind, State
from sandbox.discord.behaviour.messages import Messages
from sandbox.discord.behaviour.options import Options, Resolved
from sandbox.discord.behaviour.sharing import Sharing
from sandbox.discord.core import Core
from sandbox.discord.rules import modals
from sandbox.discord.rules.access import may_write, reply_target
from sandbox.discord.rules.choices import SELECTS
from sandbox.discord.rules.components import walk
from sandbox.discord.rules.errors import DiscordError, Refused
from sandbox.discord.rules.message_rules import Draft
from sandbox.discord.state.models import Channel, Message, MessageFlag, MessageKind, User
from sandbox.discord.state.permissions import Permission

Json = dict[str, Any]
CHAT, MESSAGE_MENU = 1, 3
# People may send much longer files than bots with Nitro; without it the limit is the server's.
CONTENT_LIMIT = 2000
AUTOCOMPLETE_SECONDS = 3.0
MOST_STICKERS = 3


class People:
    """Acts for anybody; people and places are named by id, username or channel name."""

    def __init__(
        self, core: Core, messages: Messages, commands: Commands, interactions: Interactions
    ) -> None:
        self._core = core
        self._world = core.world
        self._messages = messages
        self._commands = commands
        self._interactions = interactions
        self.sharing = Sharing(core)

    async def upload(self, name: str, data: bytes) -> Json:
        """A file made ready to be sent; its `id` goes into `uploads` or an option."""
        path = self._core.cdn.spool.new()
        path.write_bytes(data)
        return self.sharing.uploaded(name, path)

    # Messages

    async def send(
        self,
        user: str,
        channel: str,
        content: str = "",
        *,
        uploads: Iterable[Any] = (),
        reply_to: str | None = None,
        ping: bool = True,
        stickers: Iterable[str] = (),
        previews: Iterable[Json] = (),
    ) -> Json:
        """A message, perhaps a reply; answers the message as its author sees it.

        ``previews`` are what Discord makes of links in it: ``{type, url, upload}``.
        """
        person, place = self._here(user, channel)
        uploads = list(uploads)
        chosen = [self._world.stickers[sticker] for sticker in stickers]
        if not content.strip() and not uploads and not chosen:
            raise Refused("a message needs words or a file")
        if len(chosen) > MOST_STICKERS:
            raise Refused(f"a message has at most {MOST_STICKERS} stickers")
        if len(content) > CONTENT_LIMIT:
            raise Refused(f"a message has at most {CONTENT_LIMIT} characters")
        try:
            may_write(self._world, place, person.id, files=bool(uploads))
            given = {"message_id": reply_to} if reply_to else None
            reference, target = reply_target(self._world, place, person.id, given)
        except DiscordError as error:
            raise Refused(f"you cannot write here: {error.body['message']}") from error
        draft = Draft(
            content=content.strip(),
            attachments=self.sharing.attach(uploads, place, ephemeral=False),
            embeds=[self.sharing.preview(**preview) for preview in previews],
        )
        message = self._messages.create(
            place,
            person.id,
            draft,
            reference=reference,
            replied_to=target,
            ping=ping,
            stickers=chosen,
        )
        return self._core.render.message(message)

    async def forward(self, user: str, message_id: str, channel: str) -> Json:
        """A message shown again at another place, as a copy of what it holds now."""
        person, place = self._here(user, channel)
        shown = self._message(person, message_id)
        try:
            may_write(self._world, place, person.id)
        except DiscordError as error:
            raise Refused(f"you cannot write here: {error.body['message']}") from error
        message = self._messages.create(
            place,
            person.id,
            Draft(flags=MessageFlag.HAS_SNAPSHOT),
            reference=self.sharing.forward_reference(shown),
            kind=MessageKind.DEFAULT,
            snapshot=shown.snapshot or replace(shown),
        )
        return self._core.render.message(message)

    async def edit(self, user: str, message_id: str, content: str) -> Json:
        """A person changes the words of their own message; its files stay."""
        person = self._world.user(user)
        message = self._message(person, message_id)
        if message.author_id != person.id:
            raise Refused("you can edit only your own messages")
        if not content.strip() and not message.attachments:
            raise Refused("a message needs words or a file")
        if len(content) > CONTENT_LIMIT:
            raise Refused(f"a message has at most {CONTENT_LIMIT} characters")
        self._messages.edit(message, Draft(content=content.strip()))
        return self._core.render.message(message)

    async def delete(self, user: str, message_id: str) -> None:
        """A person deletes their message, or an admin anybody's."""
        person = self._world.user(user)
        message = self._message(person, message_id)
        channel = self._world.channels[message.channel_id]
        allowed = self._world.allowed(person.id, channel)
        own = person.id in (message.author_id, message.visible_to)
        if not own and not (channel.guild_id and allowed & Permission.MANAGE_MESSAGES):
            raise Refused("you may not delete this message")
        self._messages.delete(message)

    # Interactions

    async def command(
        self,
        user: str,
        channel: str,
        name: str,
        *,
        path: Iterable[str] = (),
        options: Json | None = None,
    ) -> str:
        """A slash command; answers the interaction's id."""
        person, place = self._here(user, channel)
        command = self._command(name, CHAT, person, place)
        resolved = self._resolved(person, place)
        data = Options(command, list(path), resolved).filled(options or {})
        return self._interactions.begin(Kind.COMMAND, person.id, place, data).id

    async def autocomplete(
        self,
        user: str,
        channel: str,
        name: str,
        *,
        path: Iterable[str] = (),
        options: Json | None = None,
        focused: str = "",
    ) -> list[Json]:
        """The choices the bot offers for the option being typed; none when it did not answer."""
        person, place = self._here(user, channel)
        command = self._command(name, CHAT, person, place)
        resolved = self._resolved(person, place)
        data = Options(command, list(path), resolved).focused(options or {}, focused)
        interactions = self._interactions
        interaction = interactions.begin(Kind.AUTOCOMPLETE, person.id, place, data)
        settled = await interactions.settled(interaction.id, wait=AUTOCOMPLETE_SECONDS)
        return settled.choices or []

    async def context(self, user: str, channel: str, name: str, message_id: str) -> str:
        """A message context menu; answers the interaction's id."""
        person, place = self._here(user, channel)
        command = self._command(name, MESSAGE_MENU, person, place)
        message = self._message(person, message_id)
        if message.channel_id != place.id:
            raise Refused("that message is in another channel")
        if message.ephemeral:
            raise Refused("there are no apps for a message that only you can see")
        data: Json = {
            "id": command["id"],
            "name": command["name"],
            "type": MESSAGE_MENU,
            "target_id": message.id,
            "resolved": {"messages": {message.id: self._core.render.message(message)}},
        }
        if command.get("guild_id"):
            data["guild_id"] = command["guild_id"]
        return self._interactions.begin(Kind.CONTEXT, person.id, place, data).id

    async def press(
        self, user: str, message_id: str, custom_id: str, *, values: Iterable[str] = ()
    ) -> str:
        """A button pressed or a select chosen from; answers the interaction's id."""
        person = self._world.user(user)
        message = self._message(person, message_id)
        place = self._world.channels[message.channel_id]
        component = next(
            (item for item in walk(message.components) if item.get("custom_id") == custom_id), None
        )
        if component is None:
            raise KeyError(f"the message has no component {custom_id!r}")
        if component.get("disabled"):
            raise Refused("that component is disabled")
        data: Json = {
            "custom_id": custom_id,
            "component_type": component["type"],
            "id": component["id"],
        }
        if component["type"] in SELECTS:
            data |= self._resolved(person, place).chosen(component, list(map(str, values)))
        return self._interactions.begin(Kind.COMPONENT, person.id, place, data, source=message).id

    async def submit(self, user: str, interaction_id: str, values: Json) -> str:
        """A modal filled in and sent; answers the new interaction's id."""
        person = self._world.user(user)
        opened = self._own(person, interaction_id)
        if opened.state is not State.MODAL or opened.modal is None:
            raise Refused("this interaction has opened no modal")
        place = self._world.channels[opened.channel_id]
        resolved = self._resolved(person, place)
        components = modals.submission(opened.modal, values, resolved.attachments)
        for field in walk(components):
            if field["type"] in SELECTS - {3}:
                field["values"] = [resolved.entity(field["type"], v) for v in field["values"]]
        data: Json = {"custom_id": opened.modal["custom_id"], "components": components}
        if resolved.json():
            data["resolved"] = resolved.json()
        source = self._world.messages.get(opened.source_id or "")
        return self._interactions.begin(
            Kind.MODAL, person.id, place, data, source=source, behind=opened
        ).id

    async def interaction(self, interaction_id: str, *, wait: float = 0) -> Json:
        """How an interaction stands; with `wait`, once it has been answered or failed."""
        interactions = self._interactions
        if wait:
            return interactions.render(await interactions.settled(interaction_id, wait=wait))
        await asyncio.sleep(0)
        return interactions.render(interactions.get(interaction_id))

    # Finding

    def _here(self, user: str, channel: str) -> tuple[User, Channel]:
        person = self._world.user(user)
        place = self._world.dm(person.id) if channel == "dm" else None
        place = place or self._world.channel(channel, seen_by=person.id)
        if not self._world.sees(person.id, place):
            raise KeyError(f"there is no channel {channel!r}")
        return person, place

    def _message(self, person: User, message_id: str) -> Message:
        message = self._world.messages.get(str(message_id))
        if message is None or not self._world.sees_message(person.id, message):
            raise KeyError(f"there is no message {message_id}")
        if message.kind is MessageKind.THREAD_STARTER_MESSAGE:
            raise Refused("that is a system message")
        return message

    def _own(self, person: User, interaction_id: str) -> Interaction:
        interaction = self._interactions.get(interaction_id)
        if interaction.user_id != person.id:
            raise Refused("that is another member's interaction")
        return interaction

    def _command(self, name: str, kind: int, person: User, place: Channel) -> Json:
        try:
            command = self._commands.find(name, kind, person.id, place.guild_id)
        except PermissionError as error:
            raise Refused(str(error)) from error
        may = self._world.allowed(person.id, place)
        if not may & Permission.USE_APPLICATION_COMMANDS:
            raise Refused("you may not use application commands here")
        if place.guild_id and self._world.bot_id not in self._world.guilds[place.guild_id].members:
            raise KeyError(f"there is no command {name!r} here")
        return command

    def _resolved(self, person: User, place: Channel) -> Resolved:
        return Resolved(self._core, self.sharing, person.id, place)
