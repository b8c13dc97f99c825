"""How large a file each server takes, learned from what Discord accepts and refuses.

What Discord reports is the start; a refusal lowers it, a success raises it, and once a day the next
step up is tried. In memory: a restart learns it again at the price of one refused upload.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STEPS = (8 * 2**20, 10 * 2**20, 20_000_000, 25 * 2**20, 50 * 2**20, 100 * 2**20)
"""The limits Discord has or had, in bytes."""

FIRST = 10 * 2**20
SMALLEST = 2**20
PROBE_AFTER = timedelta(days=1)


@dataclass(kw_only=True)
class _Learned:
    limit: int
    refused: int | None = None
    refused_at: datetime | None = None


@dataclass(kw_only=True)
class UploadLimits:
    """The learned limit per server (0: direct messages). ``now`` is the clock's."""

    now: Callable[[], datetime]
    _learned: dict[int, _Learned] = field(default_factory=dict[int, _Learned])

    def allowed(self, guild_id: int, reported: int | None) -> int:
        """How many bytes to try: what is known to pass, or one step up where none was refused."""
        known = self._entry(guild_id, reported)
        above = next((step for step in STEPS if step > known.limit), None)
        if above is None or not self._may_probe(known, above):
            return known.limit
        # One step beyond what is sure, and no further: a refused upload costs its whole time.
        return above if known.limit < 2 * FIRST else known.limit

    def accepted(self, guild_id: int, size: int) -> None:
        """A file of that size went through."""
        known = self._entry(guild_id, None)
        if size > known.limit:
            known.limit = next((step for step in STEPS if step >= size), size)
        if known.refused is not None and size >= known.refused:
            known.refused = known.refused_at = None

    def refused(self, guild_id: int, size: int) -> None:
        """A file of that size was too large."""
        known = self._entry(guild_id, None)
        known.refused, known.refused_at = size, self.now()
        if size <= known.limit:
            below = [step for step in STEPS if step < size]
            known.limit = below[-1] if below else max(size // 2, SMALLEST)

    def _entry(self, guild_id: int, reported: int | None) -> _Learned:
        known = self._learned.setdefault(guild_id, _Learned(limit=reported or FIRST))
        if reported is not None and reported > known.limit and known.refused is None:
            known.limit = reported
        return known

    def _may_probe(self, known: _Learned, size: int) -> bool:
        if known.refused is None or known.refused_at is None or size < known.refused:
            return True
        return self.now() - known.refused_at >= PROBE_AFTER
