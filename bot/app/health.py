"""What /healthz and /readyz tell, for each role.

Owns which parts a role cannot do without. Knows nothing of HTTP.
"""

from collections.abc import Mapping

from bot.app.roles import Role
from bot.domain.breaker import Breaker
from bot.domain.catalogue import ProviderName
from bot.web.health import Health, PartHealth


def health_of(
    role: Role,
    *,
    discord: PartHealth,
    closed: bool,
    database: bool,
    stopping: bool,
    breakers: Mapping[ProviderName, Breaker],
    workers: int | None = None,
) -> Health:
    """The health of a process of this role.

    ``discord`` is its connection to Discord, ``closed`` is true if that will not come back.
    ``database`` is true if the database answered lately: a heartbeat of this process's worker was
    written, or a gateway's question was answered. A worker has no connection to Discord's gateway,
    so it is ready without one. ``workers`` is how many workers are alive, where this process is
    none: without any, a gateway still takes requests, and they wait.
    """
    connected = role is Role.WORKER or discord.ok
    detail = "answers" if database else "has not answered lately"
    parts = {"discord": discord, "database": PartHealth(ok=database, detail=detail)}
    if workers is not None:
        detail = f"{workers} running" if workers else "none is running: requests wait"
        parts["workers"] = PartHealth(ok=workers > 0, detail=detail)
    for name, breaker in breakers.items():
        parts[str(name)] = PartHealth(ok=not breaker.is_open, detail=breaker.reason or "answers")
    return Health(alive=not closed, ready=database and connected and not stopping, parts=parts)
