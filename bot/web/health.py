"""Health as /healthz and /readyz tell it. Knows nothing of the parts, only how to show them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PartHealth:
    """One part: whether it works, and one short word or sentence without secrets."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    """The whole.

    ``alive`` false means that only a restart helps. ``ready`` false means that it is starting,
    stopping, or without Discord or its database: it asks for patience, not for a restart.
    """

    alive: bool
    ready: bool
    parts: Mapping[str, PartHealth] = field(default_factory=dict[str, PartHealth])

    def as_json(self) -> dict[str, Any]:
        """The body of an answer."""
        return {
            "alive": self.alive,
            "ready": self.ready,
            "parts": {
                name: {"ok": part.ok, "detail": part.detail} for name, part in self.parts.items()
            },
        }
