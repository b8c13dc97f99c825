"""The health that /healthz and /readyz report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PartHealth:
    """The health of one part. ``detail`` is a short text without secrets."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    """The health of the process.

    If ``alive`` is False, only a restart helps. If ``ready`` is False, the bot is starting or
    stopping, or has no connection to Discord or the database: a restart does not help.
    """

    alive: bool
    ready: bool
    parts: Mapping[str, PartHealth] = field(default_factory=dict[str, PartHealth])

    def as_json(self) -> dict[str, Any]:
        """Return the body of a response."""
        return {
            "alive": self.alive,
            "ready": self.ready,
            "parts": {
                name: {"ok": part.ok, "detail": part.detail} for name, part in self.parts.items()
            },
        }
