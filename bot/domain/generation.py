"""A generation: one video being made, its states, and which state may follow which.

Owns the words and the rules of the life described in ``docs/reference/lifecycle.md``. How a step is
carried out belongs to ``bot.services``, how a row is kept to ``bot.storage``.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.domain.catalogue import Plan, ProviderName
from bot.domain.errors import Code, Facts
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
from bot.domain.media import StoredMedia
from bot.domain.request import VideoRequest


class State(StrEnum):
    """Where a generation stands. The last five are ends."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMIT_UNKNOWN = "submit_unknown"
    RUNNING = "running"
    READY = "ready"
    FETCHED = "fetched"
    POSTING = "posting"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"


ENDS = frozenset(
    {State.DELIVERED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNDELIVERABLE}
)

FOLLOWS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.SUBMITTING, State.CANCELLED, State.FAILED}),
    State.SUBMITTING: frozenset({State.RUNNING, State.QUEUED, State.SUBMIT_UNKNOWN, State.FAILED}),
    State.SUBMIT_UNKNOWN: frozenset({State.RUNNING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.READY, State.FAILED, State.CANCELLED, State.EXPIRED}),
    State.READY: frozenset({State.FETCHED, State.FAILED, State.CANCELLED, State.EXPIRED}),
    State.FETCHED: frozenset({State.POSTING, State.CANCELLED, State.UNDELIVERABLE, State.FAILED}),
    State.POSTING: frozenset({State.DELIVERED, State.FETCHED, State.UNDELIVERABLE}),
}


def may_follow(before: State, after: State) -> bool:
    """Whether ``after`` may come next; the same state (a change of facts only) always may."""
    return before == after or after in FOLLOWS.get(before, frozenset())


LATE = "late:"
"""How the request key of a generation begins that delivers what came too late for another one."""


def late_key(provider: ProviderName, task_id: TaskId, *, after: GenerationId | None = None) -> str:
    """Return the request key of the one generation that may deliver a task's late result.

    ``after`` is the one that was to deliver it before and ended without it.
    """
    return f"{LATE}{provider}:{task_id}" + (f":{after}" if after is not None else "")


class ParkReason(StrEnum):
    """Why a generation waits aside for a while."""

    PROVIDER_BUSY = "provider_busy"
    PROVIDER_DOWN = "provider_down"
    DISCORD_DOWN = "discord_down"
    DISCORD_LIMITS = "discord_limits"
    DISK = "disk"
    RESULT = "result"
    INTERNAL = "internal"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a generation was asked for and where its messages go.

    ``channel_id`` is the channel (or the direct-message channel) the status message stands in;
    ``thread_id`` the thread the video goes to (None: no thread could be made, or a direct message).
    ``in_thread`` tells that the request came from inside that thread.
    ``threadless`` is true if there can be no thread for it: the video goes to the channel itself,
    or to a direct message when it is private.
    ``without_prompt`` is true if a filter of the server refused the prompt: what is posted about
    this generation does not show it.
    """

    guild_id: GuildId
    channel_id: ChannelId
    thread_id: ChannelId | None = None
    status_message_id: MessageId | None = None
    status_channel_id: ChannelId | None = None
    in_thread: bool = False
    private: bool = False
    threadless: bool = False
    without_prompt: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at a provider. ``body`` is exactly what is sent, so that it can be sent again.

    ``replays`` counts how often it was, ``sent_at`` is the last time of those (None: never).
    ``uploads`` are the ids of the files that the provider holds for it. ``named`` are the tasks
    that callbacks named while ``task_id`` was unknown; none of them is known to be ours.
    """

    provider: ProviderName
    model_id: str
    idempotency_key: str
    body: dict[str, Any]
    started_at: datetime
    task_id: TaskId | None = None
    submitted_at: datetime | None = None
    estimated_seconds: int | None = None
    replays: int = 0
    sent_at: datetime | None = None
    uploads: tuple[str, ...] = ()
    named: tuple[TaskId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the provider made. ``cost_micro_usd`` is None until the provider tells it.

    ``doubtful_micro_usd`` is a reported cost that is absurd: it is shown, and nothing is computed
    from it.
    """

    urls: tuple[str, ...]
    expires_at: datetime | None
    ready_at: datetime
    duration_ms: int | None = None
    cost_micro_usd: int | None = None
    doubtful_micro_usd: int | None = None


class TargetKind(StrEnum):
    """The rungs of the ladder of places, from the wished one down."""

    THREAD = "thread"
    CHANNEL = "channel"
    DIRECT = "direct"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One place a video may be posted to. ``id`` is a channel's, for ``DIRECT`` a person's."""

    kind: TargetKind
    id: int


@dataclass(frozen=True, kw_only=True)
class Posting:
    """The committed intent to post: where, under which nonce, since when; then the message.

    ``tried`` are the places that definitely refused. ``turn`` counts the tries at this place whose
    message came about without its file and was deleted again; each has a nonce of its own.
    """

    target: Target
    nonce: str
    started_at: datetime
    tried: tuple[Target, ...] = ()
    turn: int = 0
    message_id: MessageId | None = None
    channel_id: ChannelId | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How a generation ended badly: the code and the facts of its sentence.

    The fact ``counted`` is set where it counted against the limit all the same.
    """

    code: Code
    facts: Facts = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Park:
    """Set aside until a time, for a reason."""

    reason: ParkReason
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One video being made. A value: every change makes a new one, saved by compare-and-set.

    ``version`` numbers the turns of its conversation (v1, v2, …); ``parent_id`` is the generation
    this one edits. ``request_key`` is unique per interaction or message, so asking twice is once,
    and per late result (``LATE``).
    ``revision`` counts saves; ``attempt`` counts submissions; ``strikes`` counts failures of our
    own in the same step. ``abandoned`` means that the one who asked does not want the result.
    ``announced`` tells that the end was shown to people: until then a worker looks after it.
    ``pruned_at`` is the time at which its content was removed because it had been kept long enough.
    """

    id: GenerationId
    conversation_id: ConversationId
    version: int
    parent_id: GenerationId | None
    parent_version: int | None = None
    request_key: str
    requester_id: UserId
    locale: str = "en-US"
    state: State = State.QUEUED
    revision: int = 0
    owner_id: WorkerId | None = None
    attempt: int = 0
    strikes: int = 0
    abandoned: bool = False
    announced: bool = False
    request: VideoRequest
    plan: Plan
    place: Place
    task: Task | None = None
    result: Result | None = None
    file: StoredMedia | None = None
    posting: Posting | None = None
    failure: Failure | None = None
    park: Park | None = None
    refused_by: tuple[ProviderName, ...] = ()
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    pruned_at: datetime | None = None

    @property
    def erased(self) -> bool:
        """``erased`` is true if its content is gone: what was asked for, sent and received."""
        return self.deleted_at is not None or self.pruned_at is not None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDS

    @property
    def late(self) -> bool:
        """Whether it delivers what came too late for another generation: it costs nothing."""
        return self.request_key.startswith(LATE)


def without_content(generation: Generation) -> Generation:
    """Keep what the books and links need; drop the prompt, the request, its body and all links."""
    return replace(generation, request=VideoRequest(), task=None, result=None, file=None, park=None)


@dataclass(frozen=True, kw_only=True)
class LiveStatus:
    """What is known of a generation right now but not kept: for people's eyes only.

    ``position`` counts from 1 among those waiting (None: not waiting), ``progress`` in percent,
    ``eta_at`` when it is expected to be done. ``park`` is the pause of all the providers that it
    waits for (None: there is none).
    """

    position: int | None = None
    progress: int | None = None
    eta_at: datetime | None = None
    park: Park | None = None
