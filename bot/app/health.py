"""What /healthz and /readyz tell, for each role.

Owns which parts a role cannot do without. Knows nothing of HTTP.
"""

from collections.abc import Mapping

from bot.app.roles import Role
from bot.domain.breaker import Breaker
from bot.domain.catalogue import ProviderName
from bot.ops.health import Health, PartHealth


def health_of(
    role: Role,
    *,
    discord: PartHealth,
    closed: bool,
    beats: bool,
    stopping: bool,
    breakers: Mapping[ProviderName, Breaker],
) -> Health:
    """The health of a process of this role.

    ``discord`` is its connection to Discord, ``closed`` is true if that will not come back.
    ``beats`` is true if a heartbeat of its worker was written to the database lately. A worker has
    no connection to Discord's gateway, so it is ready without one; a gateway has no heartbeat.
    """
    works = role is Role.GATEWAY or beats
    connected = role is Role.WORKER or discord.ok
    parts = {"discord": discord}
    if role is not Role.GATEWAY:
        detail = "answers" if beats else "no heartbeat was written lately"
        parts["database"] = PartHealth(ok=beats, detail=detail)
    for name, breaker in breakers.items():
        parts[str(name)] = PartHealth(ok=not breaker.is_open, detail=breaker.reason or "answers")
    return Health(alive=not closed, ready=works and connected and not stopping, parts=parts)
