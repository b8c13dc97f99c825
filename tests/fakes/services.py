"""Small stand-ins for our own ports and services, and sample values of the domain.

The fakes keep what was asked of them and answer as a test says; an error put into ``refusals`` is
raised by the next call. Nothing here stands for something that is not ours.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from bot.domain.access import Viewer
from bot.domain.catalogue import Catalogue, Mode, ModelName, Offer, Plan, ProviderName
from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, LiveStatus, Place, Posting, State, Target, TargetKind
from bot.domain.ids import (
    ChannelId,
    ConversationId,
    GenerationId,
    GuildId,
    MessageId,
    UserId,
)
from bot.domain.limits import MEASURES, EffectiveLimits, LimitRule, Limits, Scope, Usage
from bot.domain.media import FitStep, FittedMedia, MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
from bot.domain.request import VideoRequest
from bot.services import Services
from bot.services.admission import GenerationRequest
from bot.services.cancel import CancelResult
from bot.services.delete import DeletionReason
from bot.services.generate import Receipt
from bot.services.history import HistoryPage
from bot.services.limits import QuotaView
from bot.services.missed import Spot
from bot.settings.keys import LimitsSettings

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EVOLINK, APIMART = ProviderName("evolink"), ProviderName("apimart")
FLASH = ModelName("omni-flash")

DEFAULT_LIMITS = LimitsSettings().as_limits()
SOURCES = dict.fromkeys(MEASURES, Scope.SERVER)


def offer(mode: Mode, **changes: Any) -> Offer:
    given: dict[str, Any] = {
        "provider": EVOLINK,
        "model": FLASH,
        "mode": mode,
        "model_id": f"flash-{mode}",
        "min_duration": 3,
        "max_duration": 10,
        "default_duration": 5,
        "aspect_ratios": ("16:9", "9:16"),
        "resolutions": ("720p", "1080p"),
        "max_images": 3,
        "micro_usd_per_second": {"": 100_000},
    }
    return Offer(**(given | changes))


CATALOGUE = Catalogue(
    offers=(offer(Mode.TEXT), offer(Mode.IMAGE), offer(Mode.EDIT), offer(Mode.EXTEND)),
    titles={FLASH: "Omni Flash", ModelName("omni-flash-1.1"): "Omni Flash 1.1"},
    default_model=FLASH,
)


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "provider": EVOLINK,
        "model": FLASH,
        "mode": Mode.TEXT,
        "model_id": "flash-text",
        "duration": 5,
        "auto_duration": False,
        "aspect_ratio": "16:9",
        "resolution": "720p",
        "seconds": 5,
        "micro_usd": 500_000,
        "estimated_seconds": 60,
    }
    return Plan(**(given | changes))


def generation(number: int = 1, **changes: Any) -> Generation:
    """A generation of a fox in the snow; ``number`` makes its id."""
    given: dict[str, Any] = {
        "id": GenerationId(f"{number:020d}"),
        "conversation_id": ConversationId("c" * 20),
        "version": 1,
        "parent_id": None,
        "request_key": f"interaction:{number}",
        "requester_id": UserId(130000000000000002),
        "request": VideoRequest(prompt="a fox in the snow"),
        "plan": plan(),
        "place": Place(guild_id=GuildId(1), channel_id=ChannelId(2)),
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Generation(**(given | changes))


def delivered(
    number: int = 1, *, message_id: int = 77, channel_id: int = 2, **changes: Any
) -> Generation:
    """A generation whose video stands in that message."""
    target = Target(kind=TargetKind.CHANNEL, id=channel_id)
    posting = Posting(
        target=target,
        nonce="n",
        started_at=NOON,
        message_id=MessageId(message_id),
        channel_id=ChannelId(channel_id),
    )
    return generation(
        number, **({"state": State.DELIVERED, "posting": posting, "file": video_file()} | changes)
    )


def video_file(**changes: Any) -> StoredMedia:
    given: dict[str, Any] = {
        "kind": MediaKind.VIDEO,
        "path": "fox.mp4",
        "mime": "video/mp4",
        "size": 4,
        "sha256": "0" * 64,
        "width": 1280,
        "height": 720,
        "duration_ms": 5000,
    }
    return StoredMedia(**(given | changes))


def quota(used: int = 3, limit: int = 5, **limits: Any) -> QuotaView:
    rule = EffectiveLimits(limits=replace(DEFAULT_LIMITS, videos=limit, **limits), sources=SOURCES)
    return QuotaView(
        rule=rule,
        usage=Usage(videos=used, seconds=15, concurrent=1),
        resets_at=NOON + timedelta(hours=12),
    )


@dataclass
class Calls:
    """What was asked, and what the next call is to raise."""

    refusals: list[Exception] = field(default_factory=list)
    made: list[tuple[Any, ...]] = field(default_factory=list)

    def take(self, *call: Any) -> None:
        self.made.append(call)
        if self.refusals:
            raise self.refusals.pop(0)


@dataclass
class FakeGenerate(Calls):
    """Accepts every request, once ``gate`` is open if there is one."""

    gate: asyncio.Event | None = None
    _arrived: asyncio.Queue[GenerationRequest] = field(default_factory=asyncio.Queue)
    live_status: LiveStatus = field(
        default_factory=lambda: LiveStatus(position=3, eta_at=NOON + timedelta(seconds=90))
    )

    async def next(self) -> GenerationRequest:
        """Wait for the next request: a reply has no answer to wait for."""
        async with asyncio.timeout(10):
            return await self._arrived.get()

    @property
    def asks(self) -> list[GenerationRequest]:
        return [call[-1] for call in self.made]

    async def request(self, ask: GenerationRequest) -> Receipt:
        self.take("request", ask)
        self._arrived.put_nowait(ask)
        if self.gate is not None:
            await self.gate.wait()
        place = Place(guild_id=ask.guild_id, channel_id=ask.channel_id, private=ask.private)
        made = generation(
            len(self.made), requester_id=ask.requester_id, request=ask.request, place=place
        )
        return Receipt(generation=made, live_status=self.live_status, quota=quota(), repeated=False)


@dataclass
class FakeLookup(Calls):
    """Knows the videos in ``videos``, by message."""

    videos: dict[int, Generation] = field(default_factory=dict)

    async def by_message(self, message_id: MessageId, *, viewer: Viewer) -> Generation:
        self.take("by_message", message_id, viewer)
        return self._found(self.videos.get(message_id))

    async def by_id(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        self.take("by_id", generation_id, viewer)
        return self._found(next((g for g in self.videos.values() if g.id == generation_id), None))

    def _found(self, found: Generation | None) -> Generation:
        if found is None:
            raise Refused(Code.NOT_FOUND)
        return found


@dataclass
class FakeIntake:
    """Believes what every file says of itself."""

    calls: Calls = field(default_factory=Calls)
    other_kinds: set[str] = field(default_factory=set[str])

    @property
    def files(self) -> list[IncomingFile]:
        return [file for files, _ in self.calls.made for file in files]

    async def take(
        self, files: Sequence[IncomingFile], *, kinds: Sequence[MediaKind]
    ) -> tuple[StoredMedia, ...]:
        self.calls.take(tuple(files), tuple(kinds))
        return tuple(video_file(kind=kinds[0], name=file.name, path=file.name) for file in files)

    async def pick(
        self, files: Sequence[IncomingFile], *, kind: MediaKind, most: int
    ) -> list[tuple[IncomingFile, StoredMedia]]:
        chosen = [file for file in files if file.name not in self.other_kinds][:most]
        return (
            list(zip(chosen, await self.take(chosen, kinds=(kind,)), strict=True)) if files else []
        )


@dataclass
class FakeCancel(Calls):
    result: CancelResult = CancelResult.CANCELLED
    subject: Generation = field(default_factory=generation)

    async def request(
        self, generation_id: GenerationId, *, viewer: Viewer
    ) -> tuple[CancelResult, Generation]:
        self.take("request", generation_id, viewer)
        return self.result, self.subject

    async def drop(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        self.take("drop", generation_id, viewer)
        return self.subject

    async def keep(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        self.take("keep", generation_id, viewer)
        return self.subject


@dataclass
class FakeRevise(Calls):
    _arrived: asyncio.Queue[tuple[str, ...]] = field(default_factory=asyncio.Queue)

    async def next(self) -> tuple[str, ...]:
        """Wait for the next change: nobody is answered."""
        async with asyncio.timeout(10):
            return await self._arrived.get()

    async def reword(self, request_key: str, prompt: str) -> bool:
        self._arrived.put_nowait(("reword", request_key, prompt))
        return True

    async def withdraw(self, request_key: str) -> bool:
        self._arrived.put_nowait(("withdraw", request_key))
        return True


@dataclass
class FakeJobs(Calls):
    open: list[tuple[Generation, LiveStatus]] = field(default_factory=list)

    async def of(self, viewer: Viewer) -> Sequence[tuple[Generation, LiveStatus]]:
        self.take("of", viewer)
        return self.open

    def live_status(self, generation: Generation) -> LiveStatus:
        return LiveStatus()


@dataclass
class FakeHistory(Calls):
    items: list[Generation] = field(default_factory=list)
    file: Path | None = None

    async def page(
        self, viewer: Viewer, *, of: UserId, page: int = 0, size: int = 5
    ) -> HistoryPage:
        self.take("page", viewer, of, page)
        shown = self.items[page * size : (page + 1) * size]
        return HistoryPage(items=shown, page=page, has_more=len(self.items) > (page + 1) * size)

    async def details(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        self.take("details", generation_id, viewer)
        return next(item for item in self.items if item.id == generation_id)

    async def copy(
        self, generation_id: GenerationId, *, viewer: Viewer, max_bytes: int
    ) -> tuple[Generation, FittedMedia]:
        self.take("copy", generation_id, viewer, max_bytes)
        found = next(item for item in self.items if item.id == generation_id)
        assert self.file is not None
        return found, FittedMedia(
            path=str(self.file), size=self.file.stat().st_size, step=FitStep.ORIGINAL
        )


@dataclass
class FakeDelete(Calls):
    message_gone: bool = True

    async def check(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        self.take("check", generation_id, viewer)
        return delivered(int(generation_id))

    async def video(
        self, generation_id: GenerationId, *, viewer: Viewer, reason: DeletionReason
    ) -> bool:
        self.take("video", generation_id, viewer, reason)
        return self.message_gone


@dataclass
class FakeLimits(Calls):
    rules: list[LimitRule] = field(
        default_factory=lambda: [
            LimitRule(scope=Scope.DEFAULT, limits=DEFAULT_LIMITS),
            LimitRule(scope=Scope.MEMBER, subject=130000000000000003, limits=Limits(videos=20)),
        ]
    )
    used: int = 3

    async def quota(self, guild_id: GuildId, user_id: UserId) -> QuotaView:
        self.take("quota", guild_id, user_id)
        return quota(used=self.used)

    async def show(self, guild_id: GuildId) -> Sequence[LimitRule]:
        self.take("show", guild_id)
        return self.rules

    async def change(self, guild_id: GuildId, actor_id: UserId, rule: LimitRule) -> None:
        self.take("change", guild_id, actor_id, rule)
        self.rules.append(rule)

    async def reset(self, guild_id: GuildId, actor_id: UserId, member_id: UserId) -> None:
        self.take("reset", guild_id, actor_id, member_id)
        self.used = 0


@dataclass
class FakeMissed(Calls):
    """An absence since ``away_since`` (None: there was none), with videos in ``places``."""

    away_since: datetime | None = None
    places: list[Spot] = field(default_factory=list[Spot])
    answered: set[int] = field(default_factory=set[int])
    caught: asyncio.Event = field(default_factory=asyncio.Event)

    async def since(self) -> datetime | None:
        self.take("since")
        return self.away_since

    async def spots(self) -> Sequence[Spot]:
        return self.places

    async def unanswered(self, message_ids: Sequence[MessageId]) -> set[MessageId]:
        return set(message_ids) - self.answered

    async def caught_up(self) -> None:
        self.caught.set()

    def lost(self) -> None:
        self.caught.clear()


@dataclass
class FakeServices:
    """All that the cogs call, in memory."""

    generate: FakeGenerate = field(default_factory=FakeGenerate)
    lookup: FakeLookup = field(default_factory=FakeLookup)
    intake: FakeIntake = field(default_factory=FakeIntake)
    cancel: FakeCancel = field(default_factory=FakeCancel)
    delete: FakeDelete = field(default_factory=FakeDelete)
    revise: FakeRevise = field(default_factory=FakeRevise)
    jobs: FakeJobs = field(default_factory=FakeJobs)
    history: FakeHistory = field(default_factory=FakeHistory)
    limits: FakeLimits = field(default_factory=FakeLimits)
    missed: FakeMissed = field(default_factory=FakeMissed)
    catalogue: Catalogue = CATALOGUE

    def as_services(self) -> Services:
        """Under the type the client declares."""
        return cast(Services, self)
