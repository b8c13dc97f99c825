"""A circuit breaker for one provider: whether it may be asked for a new task right now.

Pure: time comes in as monotonic seconds, every change gives a new value. It opens after a few
failures in a row, at once where trying again cannot help; after a growing pause one probe may pass.
"""

from dataclasses import dataclass, replace

from bot.domain.errors import Code

OPENS_AFTER = 3
FIRST_PAUSE = 15.0
LONGEST_PAUSE = 600.0

FINAL = frozenset({Code.PROVIDER_BALANCE, Code.PROVIDER_AUTH})
"""Asking again does not mend these: somebody must do something."""

COUNTED = FINAL | {Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_TIMEOUT, Code.PROVIDER_MALFORMED}


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """``until`` is None while it is closed; ``reason`` is what opened it.

    ``failures`` counts in a row, ``openings`` in a row as well; ``probing`` tells that the one
    probe of a half-open breaker is under way.
    """

    failures: int = 0
    openings: int = 0
    until: float | None = None
    reason: Code | None = None
    probing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is open or half-open."""
        return self.until is not None

    def blocks(self, now: float) -> bool:
        """Whether nobody may ask now; when the pause is over, one probe may."""
        return self.until is not None and (now < self.until or self.probing)

    def wait(self, now: float) -> float:
        """Seconds until it is worth looking again."""
        if self.until is None:
            return 0.0
        return max(self.until - now, FIRST_PAUSE if self.probing else 0.0)

    def asked(self) -> "Breaker":
        """Somebody asks; of a half-open breaker that is the probe."""
        return self if self.until is None else replace(self, probing=True)

    def unasked(self) -> "Breaker":
        """The one who asked never came to an answer: let another be the probe."""
        return replace(self, probing=False)

    def failed(self, code: Code, now: float, retry_after: float | None = None) -> "Breaker":
        """A call failed. A provider that asks for a pause gets it without being held for broken."""
        if code is Code.PROVIDER_RATE_LIMITED:
            until = now + (retry_after or FIRST_PAUSE)
            return replace(self, until=max(until, self.until or until), probing=False, reason=code)
        if code not in COUNTED:
            return self.unasked()
        failures = self.failures + 1
        if code not in FINAL and failures < OPENS_AFTER and not self.is_open:
            return replace(self, failures=failures)
        if self.until is not None and now < self.until:
            return replace(self, failures=failures)
        pause = max(min(FIRST_PAUSE * 2**self.openings, LONGEST_PAUSE), retry_after or 0.0)
        return Breaker(
            failures=failures, openings=self.openings + 1, until=now + pause, reason=code
        )

    def answered(self, *, took_a_task: bool) -> "Breaker":
        """A call succeeded. Only a task taken proves that there is money and a right again."""
        if self.is_open and not took_a_task and self.reason in FINAL:
            return self
        return Breaker()
