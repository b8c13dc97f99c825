"""The one pause of a provider: whether it may be asked for new tasks right now, and why not.

Owns every reason to leave a provider alone: it asked for a pause, it does not answer, its account
has no money or its key no rights. Pure: times are seconds of a monotonic clock, every change
returns a new value. Only submissions change it. A poll that succeeds proves nothing about them.
"""

from dataclasses import dataclass, replace

from bot.domain.errors import Accepted, Code
from bot.domain.ids import GenerationId

OPENS_AFTER = 3
"""This many submissions in a row without an answer pause a provider that refused nothing."""

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 600.0
LONGEST_ASKED_FOR = 3600.0
"""The longest Retry-After that is honoured, in seconds."""

FINAL = frozenset({Code.PROVIDER_BALANCE, Code.PROVIDER_AUTH})
"""Retrying cannot fix these; the operator must act."""

DOWN = frozenset({Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_TIMEOUT, Code.PROVIDER_MALFORMED})
"""The provider does not work. It may work again at any moment."""

PAUSING = FINAL | DOWN | {Code.PROVIDER_RATE_LIMITED}


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """The pause of one provider. A value without arguments is no pause.

    ``until`` is the time at which the pause ends, None while there is none. ``reason`` is the
    error that began it. When the time has come, one generation may submit, the ``probe``; its
    outcome ends the pause or begins a longer one. A pause for a ``FINAL`` reason has no probe: it
    ends when the provider's balance shows that there is money again.

    ``failures`` counts submissions in a row that failed because the provider does not work,
    ``openings`` the pauses in a row. ``needed_micro_usd`` is the price of the task that could not
    be paid for, ``balance_micro_usd`` the last balance reported during this pause.
    """

    failures: int = 0
    openings: int = 0
    until: float | None = None
    reason: Code | None = None
    probe: GenerationId | None = None
    needed_micro_usd: int = 0
    balance_micro_usd: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a pause, or its probe is not back yet."""
        return self.until is not None

    @property
    def awaits_operator(self) -> bool:
        """Whether the pause ends only when the operator has done something."""
        return self.is_open and self.reason in FINAL

    def blocks(self, now: float, asker: GenerationId | None = None) -> bool:
        """Return True if ``asker`` (None: any generation) must not submit now."""
        if self.until is None:
            return False
        if self.awaits_operator or now < self.until:
            return True
        return self.probe is not None and self.probe != asker

    def fails(self, now: float) -> bool:
        """Whether submissions keep failing, so that nothing new should be taken on for now."""
        return self.failures >= OPENS_AFTER and self.reason in DOWN and self.blocks(now)

    def ends_at(self, now: float) -> float | None:
        """When the pause will end by itself; None when it has ended or needs the operator."""
        if self.until is None or self.awaits_operator or self.until <= now:
            return None
        return self.until

    def asked(self, asker: GenerationId) -> "Breaker":
        """``asker`` is about to submit: after a pause it is the probe."""
        return self if self.until is None else replace(self, probe=asker)

    def unasked(self, asker: GenerationId) -> "Breaker":
        """``asker`` will not submit after all: if it was the probe, another one may be."""
        return replace(self, probe=None) if self.probe == asker else self

    def failed(
        self,
        code: Code,
        now: float,
        *,
        accepted: Accepted,
        retry_after: float | None = None,
        needed_micro_usd: int = 0,
    ) -> "Breaker":
        """A submission failed. ``accepted`` says whether the provider took the task.

        A single lost answer pauses nothing; a refusal that may pass begins a pause at once.
        """
        if code not in PAUSING:
            return self.answered(now)
        failures = self.failures + (code in DOWN)
        counted = replace(self, failures=failures)
        if self.awaits_operator:
            return counted
        asked_for = min(retry_after or 0.0, LONGEST_ASKED_FOR)
        if self.until is not None and now < self.until and code not in FINAL:
            # It was under way when the pause began, and says nothing new but a longer pause.
            return replace(counted, until=max(self.until, now + asked_for))
        begins = accepted is Accepted.NO or asked_for > 0 or self.is_open or failures >= OPENS_AFTER
        if not begins and code not in FINAL:
            return counted
        growing = min(FIRST_PAUSE * 2**self.openings, LONGEST_PAUSE)
        if code is Code.PROVIDER_RATE_LIMITED:
            pause = asked_for or growing
        else:
            pause = max(growing, asked_for)
        return Breaker(
            failures=failures,
            openings=self.openings + 1,
            until=now + pause,
            reason=code,
            needed_micro_usd=needed_micro_usd,
        )

    def answered(self, now: float) -> "Breaker":
        """The provider took a task, or refused a request for what is in it: it works.

        An answer that comes during the pause belongs to a submission from before it.
        """
        if self.until is not None and (self.awaits_operator or now < self.until):
            return self
        return Breaker()

    def reported(self, micro_usd: int | None, now: float) -> "Breaker":
        """The provider reported its balance (None: unlimited, or it does not say).

        The pause ends if the balance has risen, or if it is enough and the time has come: a
        provider that refuses in spite of it is asked at growing distance. ``openings`` stay until
        a task is taken.
        """
        if not self.awaits_operator or self.until is None:
            return self
        before = self.balance_micro_usd
        rose = micro_usd is not None and before is not None and micro_usd > before
        enough = micro_usd is None or micro_usd >= max(self.needed_micro_usd, 1)
        if rose or (enough and now >= self.until):
            return Breaker(openings=self.openings)
        return replace(self, balance_micro_usd=micro_usd)
