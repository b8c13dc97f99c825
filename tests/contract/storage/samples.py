"""Values to put into a storage, and raw SQL to look behind or to damage it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import CursorResult, text

from bot.domain.catalogue import Adjustment, Mode, ModelName, Plan, ProviderName
from bot.domain.errors import Code
from bot.domain.generation import (
    Failure,
    Generation,
    Park,
    ParkReason,
    Place,
    Posting,
    State,
    Target,
    TargetKind,
    Task,
)
from bot.domain.generation import Result as Made
from bot.domain.ids import (
    ChannelId,
    ConversationId,
    GenerationId,
    GuildId,
    MessageId,
    TaskId,
    UserId,
    WorkerId,
)
from bot.domain.limits import amounts_of
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.request import Operation, VideoRequest

NOON = datetime(2025, 11, 19, 12, 0, 0, 123456, tzinfo=UTC)
GUILD = GuildId(1_200_000_000_000_000_001)
MIRA = UserId(1_300_000_000_000_000_001)
JON = UserId(1_300_000_000_000_000_002)
ALPHA = WorkerId("worker-alpha")
BETA = WorkerId("worker-beta")
EVOLINK = ProviderName("evolink")
APIMART = ProviderName("apimart")

_numbers = count(1)


@dataclass
class OwnedClock:
    """Time stands still until a test moves it."""

    time: datetime = NOON
    elapsed: float = 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.elapsed += max(seconds, 0.0)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        if seconds is None:
            return await event.wait()
        self.elapsed += seconds
        return event.is_set()


def conversation() -> ConversationId:
    return ConversationId(f"conversation-{next(_numbers):06}")


def plan(provider: ProviderName = EVOLINK) -> Plan:
    return Plan(
        provider=provider,
        model=ModelName("omni-flash"),
        mode=Mode.IMAGE,
        model_id="omni-flash-image",
        duration=8,
        auto_duration=False,
        aspect_ratio="16:9",
        resolution="720p",
        seconds=8,
        micro_usd=640_000,
        estimated_seconds=90,
        adjustments=(Adjustment(option="duration", requested="auto", applied="8"),),
    )


def picture(name: str = "cat.png") -> StoredMedia:
    return StoredMedia(
        kind=MediaKind.IMAGE,
        path=f"in/{name}",
        mime="image/png",
        size=3_000_000_000,
        sha256="ab" * 32,
        width=1280,
        height=720,
        name=name,
    )


def generation(of: ConversationId, **changes: Any) -> Generation:
    number = next(_numbers)
    made = Generation(
        id=GenerationId(f"generation-{number:06}"),
        conversation_id=of,
        version=1,
        parent_id=None,
        request_key=f"interaction:{number}",
        requester_id=MIRA,
        request=VideoRequest(prompt="a cat"),
        plan=plan(),
        place=Place(guild_id=GUILD, channel_id=ChannelId(5)),
        created_at=NOON + timedelta(microseconds=number),
        updated_at=NOON,
    )
    return replace(made, **changes)


def everything(of: ConversationId, **changes: Any) -> Generation:
    """A generation with every field set to something that is not its default."""
    target = Target(kind=TargetKind.THREAD, id=1_500_000_000_000_000_001)
    return generation(
        of,
        **{
            "parent_version": 3,
            "locale": "de",
            "state": State.DELIVERED,
            "revision": 17,
            "owner_id": ALPHA,
            "attempt": 2,
            "strikes": 1,
            "abandoned": True,
            "announced": True,
            "request": VideoRequest(
                operation=Operation.EDIT,
                prompt="ein „Hut“ \N{TOP HAT} \x00 \u2028",
                model="omni-flash-1.1",
                aspect_ratio="9:16",
                duration="auto",
                resolution="1080p",
                images=(picture("a.png"), picture("b.png")),
                last_frame=picture("c.png"),
                video=replace(picture("d.mp4"), kind=MediaKind.VIDEO, duration_ms=8_040),
                video_url="https://cdn.example/d.mp4?ex=1",
                source_ms=8_040,
            ),
            "place": Place(
                guild_id=GUILD,
                channel_id=ChannelId(2**63 - 1),
                thread_id=ChannelId(7),
                status_message_id=MessageId(8),
                status_channel_id=ChannelId(9),
                in_thread=True,
                private=True,
            ),
            "task": Task(
                provider=EVOLINK,
                model_id="omni-flash-image",
                idempotency_key="retake-x-2",
                body={"z": 1, "a": [1.5, None, {"é": True}], "m": "last"},
                started_at=NOON,
                task_id=TaskId("task-everything"),
                submitted_at=NOON + timedelta(microseconds=1),
                estimated_seconds=90,
                replays=2,
                named=(TaskId("task-named"),),
            ),
            "result": Made(
                urls=("https://files.example/1.mp4", "https://files.example/2.mp4"),
                expires_at=NOON + timedelta(hours=24),
                ready_at=NOON,
                duration_ms=8_040,
                cost_micro_usd=640_000,
            ),
            "file": replace(picture("out.mp4"), kind=MediaKind.VIDEO, duration_ms=8_040),
            "posting": Posting(
                target=target,
                nonce="abcdefghijklmnopqrstuvwx",
                started_at=NOON,
                tried=(target, Target(kind=TargetKind.DIRECT, id=MIRA)),
                message_id=MessageId(1_600_000_000_000_000_001),
                channel_id=ChannelId(1_500_000_000_000_000_001),
            ),
            "failure": Failure(code=Code.POST_FORBIDDEN, facts={"channel": 5, "list": [1]}),
            "park": Park(reason=ParkReason.DISK, until=NOON + timedelta(minutes=5)),
            "refused_by": (APIMART, EVOLINK),
            "ended_at": NOON + timedelta(minutes=3),
            "deleted_at": NOON + timedelta(minutes=4),
            "pruned_at": NOON + timedelta(days=30),
        }
        | changes,
    )


@dataclass(kw_only=True)
class Seeder:
    """Puts things into a storage the way the services do."""

    storage: Storage
    at: datetime = field(default=NOON)

    async def put(self, **changes: Any) -> Generation:
        """One generation in a conversation of its own, with its hold."""
        about = conversation()
        made = generation(about, **changes)

        async def work(tx: Transaction) -> Generation:
            await tx.conversations.add(about)
            await tx.conversations.next_version(about)
            await tx.ledger.lock(made.place.guild_id, made.requester_id)
            assert await tx.generations.add(made)
            await tx.ledger.hold(made, amounts_of(made.plan), at=self.at)
            return made

        return await self.storage.transact(work)

    async def move(self, before: Generation, state: State, **changes: Any) -> Generation:
        """One step on."""
        if replace(before, state=state).ended:
            changes.setdefault("ended_at", self.at)
        after = replace(before, state=state, updated_at=self.at, **changes)
        return await self.storage.transact(lambda tx: tx.generations.save(before, after))

    async def get(self, made: Generation) -> Generation | None:
        return await self.storage.read(lambda tx: tx.generations.get(made.id))

    async def faults(self) -> list[str]:
        return list(await self.storage.read(lambda tx: tx.ledger.faults()))


async def sql(tx: Any, statement: str, **values: Any) -> CursorResult[Any]:
    """Run raw SQL in a transaction."""
    return await tx.generations._connection.execute(text(statement), values)


def raw(statement: str, **values: Any) -> Callable[[Transaction], Awaitable[list[Any]]]:
    """Work that runs raw SQL and returns its rows."""

    async def work(tx: Transaction) -> list[Any]:
        result = await sql(tx, statement, **values)
        return [tuple(row) for row in result] if result.returns_rows else []

    return work
