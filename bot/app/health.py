"""The health of a process, for each role."""

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
    """Return the health of a process of this role.

    ``closed`` is true if the connection to Discord will not come back. ``database`` is true if the
    database responded recently. A worker needs no connection to the gateway to be ready.
    ``workers`` is the number of live workers, None in a process with a worker: without any, a
    gateway process still accepts requests, and they wait.
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
