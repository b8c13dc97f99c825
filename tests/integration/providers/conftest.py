"""The provider stand-ins on a loopback port, with a clock the test owns and tiny videos."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clips.footage import Encoding, write
from tests.integration.providers.harness import Bench, running


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of clips for the whole run."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
async def bench(tmp_path: Path, rendered: Path) -> AsyncIterator[Bench]:
    async with running(tmp_path, rendered) as bench:
        yield bench


@pytest.fixture
async def strict_bench(tmp_path: Path, rendered: Path) -> AsyncIterator[Bench]:
    """As on the real service: callbacks need https and a public address."""
    async with running(tmp_path, rendered, insecure=False) as bench:
        yield bench


@pytest.fixture(scope="session")
def long_video(rendered: Path) -> bytes:
    """Eleven seconds of nothing much."""
    path = rendered / "eleven.mp4"
    encoding = Encoding(options={"preset": "ultrafast"})
    write(path, "color=c=teal:s=64x36:r=8:d=11[out0]", encoding)
    return path.read_bytes()
