"""Every adapter in turn, each in front of its stand-in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.providers.adapter_harness import APIMART, EVOLINK, HASTY, Counter, counter


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of clips for the whole run."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(params=[EVOLINK, APIMART])
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, rendered: Path
) -> AsyncIterator[Counter]:
    """An adapter with time enough."""
    async with counter(request.param, tmp_path, rendered) as made:
        yield made


@pytest.fixture(params=[EVOLINK, APIMART])
async def hasty(
    request: pytest.FixtureRequest, tmp_path: Path, rendered: Path
) -> AsyncIterator[Counter]:
    """An adapter that waits less than half a second."""
    async with counter(request.param, tmp_path, rendered, timeouts=HASTY) as made:
        yield made


@pytest.fixture
async def evolink(tmp_path: Path, rendered: Path) -> AsyncIterator[Counter]:
    async with counter(EVOLINK, tmp_path, rendered) as made:
        yield made


@pytest.fixture
async def apimart(tmp_path: Path, rendered: Path) -> AsyncIterator[Counter]:
    async with counter(APIMART, tmp_path, rendered) as made:
        yield made
