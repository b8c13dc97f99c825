"""What people request while the bot is killed: text, pictures, edits, each known by its prompt.

Owns who asks for what and which faults the stand-ins have meanwhile; everything comes from one
seeded source of chance. Counts nothing: that is ``bench.audit``.
"""

import io
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from sandbox.discord.state.models import Message
from sandbox.discord.state.seed import GENERAL, MIRA, TOM, VIDEOS
from sandbox.providers.faults import TaskFault
from sandbox.server import Sandbox

SAID = re.compile(r"\*\*(request \d+)\*\*")
"""How the bot repeats a prompt in what it posts."""

TASK_SECONDS = (1.0, 3.0, 12.0)
"""So long takes a task; which of these changes from time to time."""

SUBMIT: tuple[dict[str, Any], ...] = (
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 500, "effect": True},
    {"kind": "html", "status": 502, "effect": True},
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "malformed"},
    {"kind": "delay", "seconds": 1.0},
)
READ: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "malformed"},
    {"kind": "drop_after"},
    {"kind": "truncate"},
)
UPLOAD: tuple[dict[str, Any], ...] = ({"kind": "drop_before"}, {"kind": "status", "status": 503})
DOWNLOAD: tuple[dict[str, Any], ...] = (
    {"kind": "truncate"},
    {"kind": "wrong_length"},
    {"kind": "drop_after"},
    {"kind": "status", "status": 503},
)
TASK: tuple[dict[str, Any], ...] = (
    {"kind": "moderation"},
    {"kind": "fail"},
    {"kind": "dead_url"},
    {"kind": "truncated_file"},
)
FAULTS = {
    "submit": SUBMIT, "query": READ, "batch": READ, "upload": UPLOAD, "download": DOWNLOAD,
    "task": TASK,
}  # fmt: skip
POSTS = {"method": "POST", "route": "/channels/{channel_id}/messages"}
DISCORD: tuple[dict[str, Any], ...] = (
    POSTS | {"drop": "before"},
    POSTS | {"drop": "after"},
    POSTS | {"status": 502},
    {"method": "PATCH", "route": "/channels/{channel_id}/messages/{message_id}", "status": 503},
)


@dataclass(kw_only=True)
class Requests:
    """The people of the sandbox, asking. ``asked`` holds every prompt, with its interaction's id
    where it came by a command.
    """

    sandbox: Sandbox
    chance: random.Random
    asked: dict[str, str | None] = field(default_factory=dict[str, str | None])
    _picture: str | None = None

    async def ask(self) -> None:
        """Make the next request: of four, two are text, one has a picture, one edits a video."""
        number = len(self.asked)
        prompt = f"request {number}"
        kind = number % 4
        self.asked[prompt] = None
        if kind == 3 and (video := self._some_video()) is not None:
            await self.sandbox.discord.people.send(TOM, video.channel_id, prompt, reply_to=video.id)
            return
        options = {"prompt": prompt, "duration": "3"}
        if kind == 1:
            options["image"] = await self._a_picture()
        self.asked[prompt] = await self.sandbox.discord.people.command(
            self.chance.choice((TOM, MIRA)),
            self.chance.choice((GENERAL, VIDEOS)),
            "video",
            options=options,
        )

    def disturb(self) -> None:
        """Other faults than before, few enough that most work goes on; another pace."""
        self._order_no_more()
        for provider in (self.sandbox.providers.evolink, self.sandbox.providers.apimart):
            provider.settings.seconds = self.chance.choice(TASK_SECONDS)
            for _ in range(self.chance.randrange(3)):
                on = self.chance.choice(sorted(FAULTS))
                provider.add_fault(on=on, **self.chance.choice(FAULTS[on]))
        if self.chance.random() < 0.5:
            self.sandbox.discord.faults.order(self.chance.choice(DISCORD))

    def calm(self) -> None:
        """No faults any more. A result that was cut short is whole from now on.

        The bot tries for half an hour before it reports that a paid result is broken: too long to
        wait for here.
        """
        self._order_no_more()
        for provider in (self.sandbox.providers.evolink, self.sandbox.providers.apimart):
            for task in provider.tasks.values():
                if task.fault_kind is TaskFault.TRUNCATED_FILE:
                    task.fault = None

    def _order_no_more(self) -> None:
        for provider in (self.sandbox.providers.evolink, self.sandbox.providers.apimart):
            provider.faults.clear()
        self.sandbox.discord.faults.clear()

    def _some_video(self) -> Message | None:
        videos = [message for _, message in posted(self.sandbox)]
        return self.chance.choice(videos) if videos else None

    async def _a_picture(self) -> str:
        if self._picture is None:
            held = io.BytesIO()
            Image.new("RGB", (320, 200), "#c2410c").save(held, "PNG")
            people = self.sandbox.discord.people
            found = await people.upload("picture.png", held.getvalue())
            self._picture = str(found["id"])
        return self._picture


def posted(sandbox: Sandbox) -> Iterator[tuple[str, Message]]:
    """Every video of the bot in Discord, with the prompt it tells."""
    world = sandbox.discord.world
    for message in world.messages.values():
        if message.author_id != world.bot_id or not message.attachments:
            continue
        if found := SAID.search(message.content):
            yield found[1], message
