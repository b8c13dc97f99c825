"""A person at their client, as the tests speak of them: they type, press, reply and fill in forms.

Owns these verbs and waiting for their outcome. Knows nothing of the bot but what is on the screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.server import Sandbox
from tests.messages_view import Json, buttons

SETTLED_SECONDS = 25.0


@dataclass(frozen=True, kw_only=True)
class Person:
    """One member, by username."""

    sandbox: Sandbox
    name: str

    @property
    def id(self) -> str:
        users = self.sandbox.discord.world.users.values()
        return next(user.id for user in users if user.username == self.name)

    async def command(
        self, name: str, *, channel: str = "videos", path: Sequence[str] = (), **options: Any
    ) -> Json:
        """A slash command, and the interaction once it is answered."""
        people = self.sandbox.discord.people
        return await self._settled(
            await people.command(self.id, channel, name, path=path, options=options)
        )

    async def video(self, prompt: str, *, channel: str = "videos", **options: Any) -> Json:
        """``/video``, and the interaction once it is answered."""
        return await self.command("video", channel=channel, prompt=prompt, **options)

    async def upload(self, name: str, data: bytes) -> str:
        """A file made ready; its id goes into an option, a message or a form."""
        return (await self.sandbox.discord.people.upload(name, data))["id"]

    async def press(self, message: Json, label: str) -> Json:
        """A button of a message, by its label."""
        custom_id = buttons(message)[label]
        people = self.sandbox.discord.people
        return await self._settled(await people.press(self.id, message["id"], custom_id))

    async def fill(self, opened: Json, **values: Any) -> Json:
        """The form that an interaction opened, filled in and sent off."""
        assert opened["state"] == "modal", opened
        people = self.sandbox.discord.people
        return await self._settled(await people.submit(self.id, opened["id"], values))

    async def menu(self, name: str, message: Json) -> Json:
        """A message's context menu."""
        people = self.sandbox.discord.people
        return await self._settled(
            await people.context(self.id, message["channel_id"], name, message["id"])
        )

    async def reply(
        self, message: Json, text: str = "", *, files: Sequence[str] = (), ping: bool = True
    ) -> Json:
        """A reply to a message; the message it makes."""
        return await self.sandbox.discord.people.send(
            self.id, message["channel_id"], text, uploads=files, reply_to=message["id"], ping=ping
        )

    async def write(self, channel: str, text: str = "", *, files: Sequence[str] = ()) -> Json:
        """A message of their own."""
        return await self.sandbox.discord.people.send(self.id, channel, text, uploads=files)

    async def _settled(self, interaction_id: str) -> Json:
        people = self.sandbox.discord.people
        found = await people.interaction(interaction_id, wait=SETTLED_SECONDS)
        assert found["state"] in {"answered", "modal"}, found
        return found
