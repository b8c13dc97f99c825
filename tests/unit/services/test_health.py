"""What /readyz tells of each role."""

import asyncio

import pytest

from bot.app.database_watch import DatabaseWatch
from bot.app.health import health_of
from bot.app.roles import Role
from bot.domain.breaker import Breaker
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, StorageUnavailable
from bot.engine.ownership import DEAD_SECONDS, HEARTBEAT_SECONDS
from bot.web.health import Health, PartHealth
from tests.unit.services.conftest import World


def health(
    role: Role, *, online: bool = True, database: bool = True, stopping: bool = False
) -> Health:
    return health_of(
        role,
        discord=PartHealth(ok=online, detail="connected" if online else "connecting"),
        closed=False,
        database=database,
        stopping=stopping,
        breakers={},
    )


@pytest.mark.parametrize(
    ("role", "online", "database", "ready"),
    [
        (Role.ALL, True, True, True),
        (Role.ALL, False, True, False),
        (Role.ALL, True, False, False),
        (Role.GATEWAY, True, True, True),
        (Role.GATEWAY, True, False, False),
        (Role.GATEWAY, False, True, False),
        (Role.WORKER, False, True, True),
        (Role.WORKER, True, False, False),
    ],
)
def test_each_role_is_ready_with_what_it_needs(
    role: Role, online: bool, database: bool, ready: bool
) -> None:
    assert health(role, online=online, database=database).ready is ready
    assert not health(role, online=online, database=database, stopping=True).ready


@pytest.mark.parametrize("role", Role)
def test_the_database_is_a_part_of_each(role: Role) -> None:
    assert health(role, database=False).parts["database"].ok is False
    assert health(role).parts["database"].ok is True


def test_a_pause_is_reported_and_a_closed_client_is_dead() -> None:
    name = ProviderName("evolink")
    reported = health_of(
        Role.WORKER,
        discord=PartHealth(ok=False),
        closed=True,
        database=True,
        stopping=False,
        breakers={name: Breaker(until=5.0, reason=Code.PROVIDER_RATE_LIMITED)},
    )
    assert not reported.alive
    assert not reported.parts["evolink"].ok


async def test_a_worker_beats_while_its_database_answers(world: World) -> None:
    worker = world.start()
    assert not worker.scheduler.steps.lease.answers()
    await world.settle()
    assert worker.scheduler.steps.lease.answers()
    world.storage.faults = [("before", StorageUnavailable("away"))] * 100
    await world.until(lambda: world.clock.seconds > 16)
    assert not worker.scheduler.steps.lease.answers()
    world.storage.faults = []
    await world.until(worker.scheduler.steps.lease.answers, seconds=10)


async def test_a_provider_asks_whether_the_database_answers_and_who_works(world: World) -> None:
    watch = DatabaseWatch(storage=world.storage, clock=world.clock)
    asking = asyncio.ensure_future(watch.run())
    assert not watch.answers()
    await world.settle()
    assert watch.answers()
    assert watch.workers == 0
    worker = world.start(alone=False)
    await world.until(lambda: watch.workers == 1, seconds=10)
    await world.kill(worker)
    began = world.clock.seconds
    await world.until(lambda: watch.workers == 0, seconds=40)
    assert world.clock.seconds - began > DEAD_SECONDS - HEARTBEAT_SECONDS
    world.storage.away = StorageUnavailable("away")
    await world.until(lambda: not watch.answers(), seconds=20)
    world.storage.away = None
    await world.until(watch.answers, seconds=6)
    asking.cancel()
