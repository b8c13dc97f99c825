"""A generation: one video being made, its states, and which state may follow which.

This module owns the states and the rules of the lifecycle in ``docs/reference/lifecycle.md``.
``bot.engine`` carries out the steps, ``bot.storage`` keeps the rows.
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
    """The state of a generation. The last five are final."""

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
    """Return True if ``after`` may come next. The same state (only facts changed) always may."""
    return before == after or after in FOLLOWS.get(before, frozenset())


LATE = "late:"
"""The prefix of the request key of a generation that delivers another one's late result."""


def late_key(provider: ProviderName, task_id: TaskId, *, after: GenerationId | None = None) -> str:
    """Return the request key of the one generation that may deliver a task's late result.

    ``after`` is the generation that tried to deliver it before and ended without it.
    """
    return f"{LATE}{provider}:{task_id}" + (f":{after}" if after is not None else "")


class ParkReason(StrEnum):
    """Why a generation is paused. ``GRACE``: its member may still change or undo it."""

    GRACE = "grace"
    PROVIDER_BUSY = "provider_busy"
    PROVIDER_DOWN = "provider_down"
    DISCORD_DOWN = "discord_down"
    DISCORD_LIMITS = "discord_limits"
    DISK = "disk"
    RESULT = "result"
    INTERNAL = "internal"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a generation was requested and where its messages go.

    ``channel_id`` is the channel (or the direct-message channel) of the status message;
    ``thread_id`` the thread for the video (None: no thread could be made, or a direct message).
    ``in_thread`` is true if the request came from inside that thread.
    ``threadless`` is true if no thread can be made for it: the video goes to the channel itself,
    or to a direct message if it is private.
    ``without_prompt`` is true if a filter of the server refused the prompt: messages about this
    generation do not show it.
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

    ``replays`` counts the repetitions, ``sent_at`` is the time of the last one (None: never).
    ``uploads`` are the ids of the files that the provider holds for it. ``named`` are the tasks
    that callbacks named while ``task_id`` was unknown; whether one of them is ours is not known.
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
    """What the provider made. ``cost_micro_usd`` is None until the provider reports it.

    ``doubtful_micro_usd`` is a reported cost that is implausible: it is shown, but not used in any
    calculation.
    """

    urls: tuple[str, ...]
    expires_at: datetime | None
    ready_at: datetime
    duration_ms: int | None = None
    cost_micro_usd: int | None = None
    doubtful_micro_usd: int | None = None


class TargetKind(StrEnum):
    """The kinds of places on the ladder, from the preferred one down."""

    THREAD = "thread"
    CHANNEL = "channel"
    DIRECT = "direct"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One place a video may be posted to. ``id`` is a channel's, or a user's for ``DIRECT``."""

    kind: TargetKind
    id: int


@dataclass(frozen=True, kw_only=True)
class Posting:
    """The committed intent to post: where, under which nonce, since when; then the message.

    ``tried`` are the places that definitely refused. ``turn`` counts the attempts in this place
    whose message lost its file and was deleted again; each attempt has its own nonce.
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
    """Why a generation failed: the code and the facts of its sentence.

    The fact ``counted`` is set if it counted against the limit anyway.
    """

    code: Code
    facts: Facts = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Park:
    """A pause of a generation until a time, for a reason."""

    reason: ParkReason
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One video being made. A value: every change makes a new one, saved by compare-and-set.

    ``version`` numbers the turns of its conversation (v1, v2, …); ``parent_id`` is the generation
    that this one edits. ``request_key`` is unique per interaction, message or late result
    (``LATE``), so a request that arrives twice makes one generation.
    ``revision`` counts saves, ``attempt`` counts submissions, and ``strikes`` counts our internal
    errors in the same step. ``abandoned`` is true if the requester no longer wants the result.
    ``announced`` is true if the requester was notified of the end: until then a worker owns it.
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
        """``erased`` is true if its content is gone: the request, the task and the result."""
        return self.deleted_at is not None or self.pruned_at is not None

    @property
    def in_grace(self) -> bool:
        """``in_grace`` is true if its member may still change or undo it."""
        return self.park is not None and self.park.reason is ParkReason.GRACE

    @property
    def ended(self) -> bool:
        """``ended`` is true if its state is final."""
        return self.state in ENDS

    @property
    def late(self) -> bool:
        """``late`` is true if it delivers another generation's late result. It costs nothing."""
        return self.request_key.startswith(LATE)


def without_content(generation: Generation) -> Generation:
    """Return it with only what the ledger and links need: no request, task, result or file."""
    return replace(generation, request=VideoRequest(), task=None, result=None, file=None, park=None)


@dataclass(frozen=True, kw_only=True)
class LiveStatus:
    """The live status of a generation. It is shown to users and never stored.

    ``position`` is its place in the queue, from 1 (None: it does not wait), ``progress`` is in
    percent, ``eta_at`` is when it is expected to be done (None: unknown). ``park`` is the pause of
    all the providers that it waits for (None: there is none).
    """

    position: int | None = None
    progress: int | None = None
    eta_at: datetime | None = None
    park: Park | None = None
