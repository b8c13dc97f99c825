"""What /readyz tells of each role."""

import pytest

from bot.app.health import health_of
from bot.app.roles import Role
from bot.domain.breaker import Breaker
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, StorageUnavailable
from bot.ops.health import Health, PartHealth
from tests.unit.services.conftest import World


def health(
    role: Role, *, online: bool = True, beats: bool = True, stopping: bool = False
) -> Health:
    return health_of(
        role,
        discord=PartHealth(ok=online, detail="connected" if online else "connecting"),
        closed=False,
        beats=beats,
        stopping=stopping,
        breakers={},
    )


@pytest.mark.parametrize(
    ("role", "online", "beats", "ready"),
    [
        (Role.ALL, True, True, True),
        (Role.ALL, False, True, False),
        (Role.ALL, True, False, False),
        (Role.GATEWAY, True, False, True),
        (Role.GATEWAY, False, False, False),
        (Role.WORKER, False, True, True),
        (Role.WORKER, True, False, False),
    ],
)
def test_each_role_is_ready_with_what_it_needs(
    role: Role, online: bool, beats: bool, ready: bool
) -> None:
    assert health(role, online=online, beats=beats).ready is ready
    assert not health(role, online=online, beats=beats, stopping=True).ready


def test_the_database_is_a_part_where_there_is_a_heartbeat() -> None:
    assert health(Role.WORKER, beats=False).parts["database"].ok is False
    assert health(Role.WORKER).parts["database"].ok is True
    assert "database" not in health(Role.GATEWAY).parts


def test_a_pause_is_told_and_a_closed_client_is_dead() -> None:
    name = ProviderName("evolink")
    told = health_of(
        Role.WORKER,
        discord=PartHealth(ok=False),
        closed=True,
        beats=True,
        stopping=False,
        breakers={name: Breaker(until=5.0, reason=Code.PROVIDER_RATE_LIMITED)},
    )
    assert not told.alive
    assert not told.parts["evolink"].ok


async def test_a_worker_beats_while_its_database_answers(world: World) -> None:
    worker = world.start()
    assert not worker.scheduler.advance.lease.beats()
    await world.settle()
    assert worker.scheduler.advance.lease.beats()
    world.storage.faults = [("before", StorageUnavailable("away"))] * 100
    await world.until(lambda: world.clock.seconds > 16)
    assert not worker.scheduler.advance.lease.beats()
    world.storage.faults = []
    await world.until(worker.scheduler.advance.lease.beats, seconds=10)
