"""Tasks in flight: the same ones in the bot's database and at the stand-in provider.

Owns who they are, when they began and when they end. The rows go through the real storage, so that
they are what the bot itself would have written.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bot.domain.catalogue import Mode, ModelName, Plan, ProviderName
from bot.domain.generation import Generation, Place, State, Task
from bot.domain.ids import (
    ChannelId,
    ConversationId,
    GenerationId,
    GuildId,
    MessageId,
    TaskId,
    UserId,
    idempotency_key,
)
from bot.domain.limits import amounts_of
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.request import VideoRequest

MODEL = "gemini-omni-flash-text-to-video"
VIDEO_SECONDS = 5
MEMBERS = 1000
ROWS_AT_ONCE = 250
FIRST_MEMBER = 170_000_000_000_000_000

Spot = tuple[int, int, int, int | None]
"""Where a status message stands: server, channel, message, and its thread, if it has one."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """``staying`` tasks, begun over the last ``spread`` seconds before ``at``, each to take
    ``takes`` seconds, then ``ending`` ones, the first of which ends at ``first_end`` and the others
    ``every`` seconds apart, or all together on order (``first_end`` None). Times are seconds since
    1970.
    """

    at: float
    staying: int = 0
    spread: float = 600.0
    takes: float = 1200.0
    ending: int = 0
    first_end: float | None = None
    every: float = 0.0

    @property
    def count(self) -> int:
        """All of them."""
        return self.staying + self.ending

    def task_id(self, number: int) -> str:
        """An id such as the provider gives."""
        return f"task-unified-{int(self.at)}-{number:08}"

    def generation_id(self, number: int) -> str:
        """An id such as the bot gives: it only has to be unlike all others."""
        return f"load{number:015}"

    def began(self, number: int) -> float:
        """When the provider took it."""
        if number < self.staying:
            return self.at - self.spread * number / max(self.staying, 1)
        return self.at - self.spread

    def ends(self, number: int) -> float:
        """When its video is done."""
        if number < self.staying:
            return self.began(number) + self.takes
        if self.first_end is None:
            return math.inf
        return self.first_end + (number - self.staying) * self.every

    def held(self, number: int) -> bool:
        """Whether it ends only on order."""
        return math.isinf(self.ends(number))

    def as_json(self) -> str:
        """For another process."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Load":
        """Back from ``as_json``."""
        return cls(**json.loads(text))


async def write_rows(storage: Storage, load: Load, spots: Sequence[Spot]) -> None:
    """Put the load where a bot that was stopped has left it: running, owned by nobody."""
    for start in range(0, load.count, ROWS_AT_ONCE):
        numbers = range(start, min(start + ROWS_AT_ONCE, load.count))

        async def work(tx: Transaction, numbers: range = numbers) -> None:
            for number in numbers:
                generation = _row(load, number, spots[number % len(spots)])
                await tx.conversations.add(generation.conversation_id)
                await tx.conversations.next_version(generation.conversation_id)
                await tx.generations.add(generation)
                asked = amounts_of(generation.plan)
                await tx.ledger.hold(generation, asked, at=generation.created_at)

        await storage.transact(work)


def _row(load: Load, number: int, spot: Spot) -> Generation:
    guild_id, channel_id, message_id, thread_id = spot
    provider = ProviderName("evolink")
    began = datetime.fromtimestamp(load.began(number), UTC)
    body = {"model": MODEL, "prompt": f"load {number}", "duration": VIDEO_SECONDS}
    generation_id = GenerationId(load.generation_id(number))
    return Generation(
        id=generation_id,
        conversation_id=ConversationId(generation_id),
        version=1,
        parent_id=None,
        request_key=f"interaction:{number + 1}",
        requester_id=UserId(FIRST_MEMBER + number % MEMBERS),
        state=State.RUNNING,
        attempt=1,
        request=VideoRequest(prompt=body["prompt"], duration=VIDEO_SECONDS),
        plan=Plan(
            provider=provider,
            model=ModelName("omni-flash"),
            mode=Mode.TEXT,
            model_id=MODEL,
            duration=VIDEO_SECONDS,
            auto_duration=False,
            aspect_ratio="16:9",
            resolution="720p",
            seconds=VIDEO_SECONDS,
            micro_usd=430_000,
            estimated_seconds=round(load.takes),
        ),
        place=Place(
            guild_id=GuildId(guild_id),
            channel_id=ChannelId(channel_id),
            thread_id=None if thread_id is None else ChannelId(thread_id),
            status_message_id=MessageId(message_id),
            status_channel_id=ChannelId(channel_id),
        ),
        task=Task(
            provider=provider,
            model_id=MODEL,
            idempotency_key=idempotency_key(generation_id, 1),
            body=body,
            started_at=began,
            submitted_at=began,
            task_id=TaskId(load.task_id(number)),
            estimated_seconds=round(load.takes),
        ),
        created_at=began,
        updated_at=began,
    )
