"""Every database that the contract runs over, each test on a fresh one."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from bot.storage import SqlStorage, migrate, open_storage
from tests.contract.storage import postgres
from tests.contract.storage.samples import OwnedClock, Seeder

_TEMPLATE = "retake_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    if not postgres.is_to_be_had():
        pytest.skip(postgres.HOW)
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated() -> list[str]:
    """Servers whose template database is ready: copying one is faster than migrating each."""
    return []


@pytest.fixture
async def postgres_url(postgres_server: str, migrated: list[str]) -> AsyncIterator[str]:
    if postgres_server not in migrated:
        await postgres.administer(
            postgres_server,
            f"DROP DATABASE IF EXISTS {_TEMPLATE}",
            f"CREATE DATABASE {_TEMPLATE}",
        )
        await migrate(postgres.with_database(postgres_server, _TEMPLATE), clock=OwnedClock())
        migrated.append(postgres_server)
    name = f"retake_test_{next(_numbers)}"
    await postgres.administer(
        postgres_server,
        f"DROP DATABASE IF EXISTS {name}",
        f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}",
    )
    yield postgres.with_database(postgres_server, name)
    await postgres.administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'retake.db'}"


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def clock() -> OwnedClock:
    return OwnedClock()


@pytest.fixture
async def storage(url: str, clock: OwnedClock) -> AsyncIterator[SqlStorage]:
    async with open_storage(url, clock=clock) as storage:
        yield storage


@pytest.fixture
async def other(url: str, clock: OwnedClock, storage: SqlStorage) -> AsyncIterator[SqlStorage]:
    """A second storage on the same database, as another process would have."""
    async with open_storage(url, clock=clock) as second:
        yield second


@pytest.fixture
def seeder(storage: SqlStorage) -> Seeder:
    return Seeder(storage=storage)
