"""Years of a bot's rows: some lives as the storage itself writes them, and SQL that makes many.

So the rows are real ones, and only their number is not. What is looked at in them stands in
``bench.database``.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.domain.catalogue import Mode, ModelName, Plan, ProviderName
from bot.domain.errors import Code
from bot.domain.generation import (
    Failure,
    Generation,
    Place,
    Posting,
    Result,
    State,
    Target,
    TargetKind,
    Task,
)
from bot.domain.ids import (
    ChannelId,
    GuildId,
    MessageId,
    TaskId,
    UserId,
    idempotency_key,
    message_nonce,
    new_conversation_id,
    new_generation_id,
)
from bot.domain.limits import Amounts
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.storage import Transaction
from bot.domain.request import Operation, VideoRequest

LIVES = 100
GUILD, FIRST_SNOWFLAKE = 1_200_000_000_000_000_000, 1_300_000_000_000_000_000
MEMBERS = 20_000
WORDS = (
    "a red kite over the harbour at dawn, the camera follows it slowly past the lighthouse while"
    " fishermen mend their nets, soft light, long shadows, 35 mm film"
)


@dataclass(frozen=True, kw_only=True)
class Life:
    """How one generation went: its states and how it ended."""

    end: State
    operation: Operation = Operation.CREATE

    @property
    def states(self) -> list[State]:
        """From the first to the end."""
        way = [State.QUEUED, State.SUBMITTING, State.RUNNING]
        if self.end is State.DELIVERED:
            way += [State.READY, State.FETCHED, State.POSTING]
        return way if self.end is State.CANCELLED else [*way, self.end]


def mix() -> list[Life]:
    """A hundred lives as they are on a usual day."""
    return [
        *[Life(end=State.DELIVERED)] * 62,
        *[Life(end=State.DELIVERED, operation=Operation.EDIT)] * 24,
        *[Life(end=State.FAILED)] * 9,
        *[Life(end=State.EXPIRED)] * 5,
    ]


def picture(number: int) -> StoredMedia:
    """What a member attached."""
    digest = f"{number:064x}"
    return StoredMedia(
        kind=MediaKind.IMAGE,
        path=f"inputs/{digest}.jpeg",
        mime="image/jpeg",
        size=812_345,
        sha256=digest,
        width=1920,
        height=1080,
        name="holiday.jpeg",
    )


def first_row(number: int, life: Life, at: datetime) -> Generation:
    """The row as it is added."""
    edit = life.operation is Operation.EDIT
    images = (picture(number),) if number % 4 == 0 and not edit else ()
    channel = ChannelId(FIRST_SNOWFLAKE + 10**9 + number % 50)
    return Generation(
        id=new_generation_id(at),
        conversation_id=new_conversation_id(at),
        version=2 if edit else 1,
        parent_id=None,
        parent_version=1 if edit else None,
        request_key=f"interaction:{FIRST_SNOWFLAKE + 10**12 + number}",
        requester_id=UserId(FIRST_SNOWFLAKE + number),
        owner_id=None,
        request=VideoRequest(
            operation=life.operation, prompt=WORDS, images=images, resolution="720p", duration=8
        ),
        plan=Plan(
            provider=ProviderName("evolink"),
            model=ModelName("omni-flash-1.1"),
            mode=Mode.EDIT if edit else Mode.IMAGE if images else Mode.TEXT,
            model_id="omni-flash-1-1-text-to-video",
            duration=8,
            auto_duration=False,
            aspect_ratio="16:9",
            resolution="720p",
            seconds=8,
            micro_usd=640_000,
            estimated_seconds=90,
        ),
        place=Place(
            guild_id=GuildId(GUILD + number % 7),
            channel_id=channel,
            thread_id=ChannelId(FIRST_SNOWFLAKE + 10**11 + number),
            status_message_id=MessageId(FIRST_SNOWFLAKE + 10**10 + number),
            status_channel_id=channel,
        ),
        created_at=at,
        updated_at=at,
    )


def facts(made: Generation, number: int, state: State, at: datetime) -> dict[str, Any]:
    """What a state adds to the row."""
    task_id = TaskId(f"task-unified-1756817821-{number:08}")
    signed = "X-Amz-Signature=" + "0123456789abcdef" * 4
    match state:
        case State.SUBMITTING:
            body = {
                "model": made.plan.model_id,
                "prompt": WORDS,
                "duration": 8,
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "callback_url": f"https://retake.example/callbacks/evolink/{made.id}/" + "a" * 43,
            }
            return {
                "attempt": 1,
                "task": Task(
                    provider=made.plan.provider,
                    model_id=made.plan.model_id,
                    idempotency_key=idempotency_key(made.id, 1),
                    body=body,
                    started_at=at,
                ),
            }
        case State.RUNNING if made.task is not None:
            return {"task": replace(made.task, task_id=task_id, submitted_at=at)}
        case State.READY:
            url = f"https://files.example/videos/{task_id}.mp4?X-Amz-Expires=86400&{signed}"
            lasts = at + timedelta(days=1)
            return {"result": Result(urls=(url,), expires_at=lasts, ready_at=at)}
        case State.FETCHED:
            video = replace(picture(number), kind=MediaKind.VIDEO, duration_ms=8_040)
            return {"file": replace(video, path=f"videos/{made.id}.mp4", mime="video/mp4")}
        case State.POSTING:
            target = Target(kind=TargetKind.THREAD, id=made.place.thread_id or 0)
            nonce = message_nonce(made.id, "video")
            return {"posting": Posting(target=target, nonce=nonce, started_at=at)}
        case State.DELIVERED if made.posting is not None:
            message_id = MessageId(FIRST_SNOWFLAKE + number)
            thread = made.place.thread_id
            return {"posting": replace(made.posting, message_id=message_id, channel_id=thread)}
        case State.FAILED:
            return {"failure": Failure(code=Code.MODERATED, facts={"provider": "evolink"})}
        case State.EXPIRED:
            return {"failure": Failure(code=Code.DEADLINE, facts={"provider": "evolink"})}
        case _:
            return {}


async def live(tx: Transaction, number: int, life: Life, at: datetime) -> None:
    """One generation from its request to its end, as the services write it."""
    made = first_row(number, life, at)
    await tx.conversations.add(made.conversation_id)
    await tx.conversations.next_version(made.conversation_id)
    await tx.ledger.lock(made.place.guild_id, made.requester_id)
    await tx.generations.add(made)
    await tx.ledger.hold(made, Amounts(videos=1, seconds=8), at=at)
    for state in life.states[1:]:
        at += timedelta(seconds=12)
        ended = {"ended_at": at, "announced": True} if state is life.end else {}
        changes = facts(made, number, state, at) | ended
        after = replace(made, state=state, updated_at=at, **changes)
        made = await tx.generations.save(made, after)
    if life.end is State.DELIVERED:
        await tx.ledger.settle(made.id, seconds=8, at=at)
        task_id = made.task.task_id if made.task is not None else None
        await tx.ledger.record_spend(
            made.id,
            provider=made.plan.provider,
            task_id=task_id or TaskId("?"),
            micro_usd=640_000,
            at=at,
        )
    else:
        await tx.ledger.release(made.id, at=at)


# Ids get the number of their copy behind their beginning, so that they keep their length and sort
# by their time. Task ids and links are of the length that EvoLink gives them.
_ID = "substr({0}, 1, 2) || substr(CAST(100000000 + n.n AS TEXT), 2) || substr({0}, 11)"
_TASK = "substr(t.task_id, 1, 13) || CAST(1756817821 + n.n AS TEXT) || substr(t.task_id, 24)"
_COPIED: dict[str, dict[str, str]] = {
    "conversations": {"id": _ID.format("t.id")},
    "generations": {
        "id": _ID.format("t.id"),
        "conversation_id": _ID.format("t.conversation_id"),
        "request_key": "substr(t.request_key, 1, 12)"
        " || CAST(CAST(substr(t.request_key, 13) AS BIGINT) + 1000 * n.n AS TEXT)",
        "requester_id": "t.requester_id + 1000 * (n.n % :members)",
        "task_id": _TASK,
        "video_message_id": "t.video_message_id + 1000 * n.n",
        "created_at": "t.created_at + n.n * :step",
        "updated_at": "t.updated_at + n.n * :step",
        "ended_at": "t.ended_at + n.n * :step",
    },
    "generation_events": {
        "generation_id": _ID.format("t.generation_id"),
        "at": "t.at + n.n * :step",
    },
    "generation_inputs": {
        "path": "substr(t.path, 1, 7) || substr(CAST(100000000 + n.n AS TEXT), 2)"
        " || substr(t.path, 16)",
        "generation_id": _ID.format("t.generation_id"),
    },
    "ledger": {
        "id": "t.id + 1000 * n.n",
        "generation_id": _ID.format("t.generation_id"),
        "user_id": "t.user_id + 1000 * (n.n % :members)",
        "counted_at": "t.counted_at + n.n * :step",
        "at": "t.at + n.n * :step",
    },
    "provider_spend": {
        "task_id": _TASK,
        "generation_id": _ID.format("t.generation_id"),
        "at": "t.at + n.n * :step",
    },
}


async def multiply(url: str, times: int, step: timedelta) -> None:
    """Make copies of every row in the order of time, each with ids and times of its own."""
    address = make_url(url)
    driver = "sqlite+aiosqlite" if address.get_backend_name() == "sqlite" else "postgresql+asyncpg"
    engine = create_async_engine(address.set(drivername=driver))
    values = {"times": times - 1, "members": MEMBERS // LIVES}
    micro = step // timedelta(microseconds=1)
    if address.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _write_quickly)
    async with engine.begin() as connection:
        for table, changes in _COPIED.items():
            found = await connection.execute(text(f"SELECT * FROM {table} LIMIT 0"))  # noqa: S608
            columns = list(found.keys())
            spelled = [f'"{name}"' for name in columns]
            taken = [changes.get(name, f't."{name}"') for name in columns]
            statement = (
                f"INSERT INTO {table} ({', '.join(spelled)})"  # noqa: S608
                " WITH RECURSIVE n (n) AS"
                " (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :times)"
                f" SELECT {', '.join(taken)} FROM n CROSS JOIN {table} t"
            ).replace(":step", str(micro))
            for name, value in values.items():
                statement = statement.replace(f":{name}", str(value))
            await connection.exec_driver_sql(statement)
        buckets = [f"{unit}_{bucket}" for unit in ("videos", "seconds") for bucket in _BUCKETS]
        sums = ", ".join(f"SUM({name})" for name in buckets)
        await connection.exec_driver_sql("DELETE FROM accounts")
        await connection.exec_driver_sql(
            f"INSERT INTO accounts (guild_id, user_id, {', '.join(buckets)}, resets)"  # noqa: S608
            f" SELECT guild_id, user_id, {sums}, 0 FROM ledger GROUP BY guild_id, user_id"
        )
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.exec_driver_sql("ANALYZE")
    await engine.dispose()


def _write_quickly(connection: Any, _: object) -> None:
    """Nothing is lost if this fails, and the bot's own connections set all of it again."""
    for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {setting}")
        cursor.close()


_BUCKETS = ("available", "held", "spent", "granted")
