"""How much a member may use: limits, the rule each value comes from, usage, and the check.

These are pure rules on numbers. The caller reads and holds them in one transaction.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.errors import Code, Refused


class Period(StrEnum):
    """The period that a limit counts over, in UTC: days, weeks from Monday, months."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def start(self, now: datetime) -> datetime:
        """Return the first instant of the period that contains ``now``."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self is Period.WEEK:
            return midnight - timedelta(days=midnight.weekday())
        if self is Period.MONTH:
            return midnight.replace(day=1)
        return midnight

    def end(self, now: datetime) -> datetime:
        """Return the first instant after the period that contains ``now``."""
        start = self.start(now)
        if self is Period.MONTH:
            return (start + timedelta(days=32)).replace(day=1)
        return start + timedelta(days=7 if self is Period.WEEK else 1)


class LimitSource(StrEnum):
    """The rule that a limit came from."""

    DEFAULT = "default"
    SERVER = "server"
    MEMBER = "member"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one member may use. 0 means no limit. ``cooldown`` in seconds between two requests."""

    videos: int = 10
    seconds: int = 0
    period: Period = Period.DAY
    concurrent: int = 3
    cooldown: int = 0


@dataclass(frozen=True, kw_only=True)
class LimitChanges:
    """Limits as set for a server or a member. None leaves the wider rule in force."""

    videos: int | None = None
    seconds: int | None = None
    period: Period | None = None
    concurrent: int | None = None
    cooldown: int | None = None

    def merged_with(self, newer: "LimitChanges") -> "LimitChanges":
        """Return this rule with every value that ``newer`` sets."""
        return LimitChanges(
            **{
                field.name: getattr(self, field.name)
                if getattr(newer, field.name) is None
                else getattr(newer, field.name)
                for field in fields(self)
            }
        )


@dataclass(frozen=True, kw_only=True)
class EffectiveLimits:
    """The limits in force for one member, and for each field the rule it came from."""

    limits: Limits
    sources: dict[str, LimitSource]


def effective(
    default: Limits, server: LimitChanges | None, member: LimitChanges | None
) -> EffectiveLimits:
    """Return the limits in force. Field by field, the member's wins, then the server's."""
    values: dict[str, object] = {}
    sources: dict[str, LimitSource] = {}
    for field in fields(Limits):
        values[field.name] = getattr(default, field.name)
        sources[field.name] = LimitSource.DEFAULT
        for source, changes in ((LimitSource.SERVER, server), (LimitSource.MEMBER, member)):
            value = getattr(changes, field.name, None)
            if value is not None:
                values[field.name] = value
                sources[field.name] = source
    return EffectiveLimits(limits=Limits(**values), sources=sources)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a member has used in the current period, held and spent together.

    ``open`` counts generations not yet ended, whenever they began. ``last_at`` is the time of the
    latest request (None: never). ``videos`` and ``seconds`` count since the period's start or the
    last reset, whichever is later.
    """

    videos: int = 0
    seconds: int = 0
    open: int = 0
    last_at: datetime | None = None

    def with_one_more(self, *, seconds: int, at: datetime) -> "Usage":
        """Return the usage after a request of this many seconds was held."""
        return Usage(
            videos=self.videos + 1, seconds=self.seconds + seconds, open=self.open + 1, last_at=at
        )


def check(rule: EffectiveLimits, usage: Usage, *, seconds: int, now: datetime) -> None:
    """Check that one more video of ``seconds`` seconds is within the limits.

    Raises:
        Refused: QUOTA_COOLDOWN, QUOTA_CONCURRENT, QUOTA_VIDEOS or QUOTA_SECONDS, with the facts
            ``limit``, ``used``, ``period``, ``source`` and ``resets_at`` (Unix seconds) where they
            apply.
    """
    limits = rule.limits
    if limits.cooldown and usage.last_at is not None:
        cooldown = timedelta(seconds=limits.cooldown)
        # A last request far in the future means that the clock was set back.
        if abs(now - usage.last_at) < cooldown:
            raise Refused(
                Code.QUOTA_COOLDOWN,
                limit=limits.cooldown,
                source=rule.sources["cooldown"].value,
                resets_at=int((usage.last_at + cooldown).timestamp()) + 1,
            )
    if limits.concurrent and usage.open >= limits.concurrent:
        raise Refused(
            Code.QUOTA_CONCURRENT,
            limit=limits.concurrent,
            used=usage.open,
            source=rule.sources["concurrent"].value,
        )
    resets_at = int(limits.period.end(now).timestamp())
    for code, name, asked in (
        (Code.QUOTA_VIDEOS, "videos", 1),
        (Code.QUOTA_SECONDS, "seconds", seconds),
    ):
        limit, used = getattr(limits, name), getattr(usage, name)
        if limit and used + asked > limit:
            raise Refused(
                code,
                limit=limit,
                used=used,
                asked=asked,
                period=limits.period.value,
                source=rule.sources[name].value,
                resets_at=resets_at,
            )
