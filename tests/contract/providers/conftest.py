"""Every adapter in turn, each in front of its stand-in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.providers.adapter_harness import (
    APIMART,
    EVOLINK,
    HASTY,
    AdapterHarness,
    open_harness,
)
from tests.contract.providers.http_site import Site, running_site


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of clips for the whole run."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(params=[EVOLINK, APIMART])
async def harness(
    request: pytest.FixtureRequest, tmp_path: Path, rendered: Path
) -> AsyncIterator[AdapterHarness]:
    """An adapter with time enough."""
    async with open_harness(request.param, tmp_path, rendered) as made:
        yield made


@pytest.fixture(params=[EVOLINK, APIMART])
async def hasty(
    request: pytest.FixtureRequest, tmp_path: Path, rendered: Path
) -> AsyncIterator[AdapterHarness]:
    """An adapter that waits less than half a second."""
    async with open_harness(request.param, tmp_path, rendered, timeouts=HASTY) as made:
        yield made


@pytest.fixture
async def evolink(tmp_path: Path, rendered: Path) -> AsyncIterator[AdapterHarness]:
    async with open_harness(EVOLINK, tmp_path, rendered) as made:
        yield made


@pytest.fixture
async def apimart(tmp_path: Path, rendered: Path) -> AsyncIterator[AdapterHarness]:
    async with open_harness(APIMART, tmp_path, rendered) as made:
        yield made


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as running:
        yield running
