"""How much a member may use: the measures, the rules, usage, and the check.

These are pure rules on numbers. The caller reads and holds them in one transaction.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

from bot.domain.catalogue import Plan
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


Measure = NewType("Measure", str)
"""The name of a field of ``Amounts``."""


def _counted(asked: Callable[[Plan], int]) -> Any:
    """Declare a measure that the ledger counts; ``asked`` is what a request takes of it."""
    return field(default=None, metadata={"asked": asked})


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """An amount of each measure. None: nothing is said about it.

    The fields are the declaration of the measures: options, cards, refusals and the ledger's
    columns follow from it.
    """

    videos: int | None = _counted(lambda _plan: 1)
    seconds: int | None = _counted(lambda plan: plan.seconds)
    concurrent: int | None = None
    cooldown: int | None = None

    def of(self, measure: Measure) -> int:
        """Return the amount, or 0."""
        return getattr(self, measure) or 0

    def named(self) -> Sequence[Measure]:
        """Return the measures about which something is said."""
        return [measure for measure in MEASURES if getattr(self, measure) is not None]


MEASURES = tuple(Measure(each.name) for each in fields(Amounts))
_ASKED: Mapping[Measure, Callable[[Plan], int]] = {
    Measure(each.name): each.metadata["asked"] for each in fields(Amounts) if each.metadata
}
COUNTED = tuple(_ASKED)
"""The measures that the ledger counts over the period."""


def amounts_of(plan: Plan) -> Amounts:
    """Return what a request with this plan takes."""
    return Amounts(**{measure: asked(plan) for measure, asked in _ASKED.items()})


@dataclass(frozen=True, kw_only=True)
class Limits(Amounts):
    """What one rule sets. 0 means no limit; None leaves the wider rule in force.

    ``cooldown`` is in seconds between two requests.
    """

    period: Period | None = None

    def merged_with(self, newer: "Limits") -> "Limits":
        """Return these limits with every value that ``newer`` sets."""
        values = {each.name: getattr(newer, each.name) for each in fields(newer)}
        return replace(self, **{name: one for name, one in values.items() if one is not None})


class Scope(StrEnum):
    """Whom a rule is for, the widest first. The narrowest rule that sets a value wins."""

    DEFAULT = "default"
    SERVER = "server"
    MEMBER = "member"


@dataclass(frozen=True, kw_only=True)
class LimitRule:
    """Limits for a scope. ``subject`` is the member's id, 0 for a scope without subjects."""

    scope: Scope
    subject: int = 0
    limits: Limits


@dataclass(frozen=True, kw_only=True)
class EffectiveLimits:
    """The limits in force for one member, and the scope that each measure's value came from.

    ``direct`` is true in direct messages, where no admin can raise them.
    """

    limits: Limits
    sources: Mapping[Measure, Scope]
    direct: bool = False

    @property
    def period(self) -> Period:
        """The period in force."""
        return self.limits.period or Period.DAY

    def refusal(self, measure: Measure, **facts: object) -> Refused:
        """Return the refusal of a request that would exceed a limit."""
        limit, source = self.limits.of(measure), self.sources[measure].value
        more = "direct" if self.direct else "server"
        return Refused(Code(f"quota_{measure}"), limit=limit, source=source, more=more, **facts)


def effective(rules: Iterable[LimitRule], *, direct: bool = False) -> EffectiveLimits:
    """Return the limits in force under these rules. Value by value, the narrowest wins."""
    limits, sources = Limits(), dict.fromkeys(MEASURES, Scope.DEFAULT)
    for rule in sorted(rules, key=lambda rule: tuple(Scope).index(rule.scope)):
        limits = limits.merged_with(rule.limits)
        sources |= dict.fromkeys(rule.limits.named(), rule.scope)
    return EffectiveLimits(limits=limits, sources=sources, direct=direct)


@dataclass(frozen=True, kw_only=True)
class Usage(Amounts):
    """What a member has used, held and spent together.

    What the ledger counts is since the period's start or the last reset, whichever is later.
    ``concurrent`` counts generations not yet ended, whenever they began. ``last_at`` is the time of
    the latest request (None: never).
    """

    last_at: datetime | None = None

    def with_one_more(self, asked: Amounts, *, at: datetime) -> "Usage":
        """Return the usage after a request for this much was held."""
        counted = {measure: self.of(measure) + asked.of(measure) for measure in COUNTED}
        return Usage(**counted, concurrent=self.of(CONCURRENT) + 1, last_at=at)


CONCURRENT, COOLDOWN = Measure("concurrent"), Measure("cooldown")


def check(rule: EffectiveLimits, usage: Usage, asked: Amounts, *, now: datetime) -> None:
    """Check that a request for this much is within the limits.

    Raises:
        Refused: the code of a counted measure, QUOTA_CONCURRENT or QUOTA_COOLDOWN, with the facts
            ``limit``, ``used``, ``period``, ``source`` and ``resets_at`` (Unix seconds) where they
            apply.
    """
    limits = rule.limits
    # The reason that holds longest comes first: after a cooldown nobody wants to read another one.
    for measure in COUNTED:
        limit, used, more = limits.of(measure), usage.of(measure), asked.of(measure)
        if limit and used + more > limit:
            raise rule.refusal(
                measure,
                used=used,
                asked=more,
                period=rule.period.value,
                resets_at=int(rule.period.end(now).timestamp()),
            )
    if limits.concurrent and usage.of(CONCURRENT) >= limits.concurrent:
        raise rule.refusal(CONCURRENT, used=usage.of(CONCURRENT))
    if limits.cooldown and usage.last_at is not None:
        cooldown = timedelta(seconds=limits.cooldown)
        # A last request far in the future means that the clock was set back.
        if abs(now - usage.last_at) < cooldown:
            raise rule.refusal(COOLDOWN, resets_at=int((usage.last_at + cooldown).timestamp()) + 1)
