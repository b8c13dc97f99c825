"""An encoder may exceed its bit rate: once is corrected, always is reported."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import Code, MediaError
from bot.domain.media import FitStep
from bot.media.engine import Engine
from bot.media.fit import fit_video

LIMIT = 400_000


class Overshooting(Engine):
    """The real engine, but its first encodes get a bit rate far too high."""

    times = 0
    encodes = 0

    async def do(self, job: str, *, long: bool = False, **arguments: Any) -> dict[str, Any]:
        if job == "encode":
            self.encodes += 1
            if self.encodes <= self.times:
                arguments["quality"] = arguments["quality"] | {"video_bps": 9_000_000}
        return await super().do(job, long=long, **arguments)


@pytest.fixture
async def engine() -> AsyncIterator[Overshooting]:
    async with Overshooting() as engine:
        yield engine


async def test_a_copy_that_came_out_too_large_is_made_again_smaller(
    engine: Overshooting, files: Path, tmp_path: Path
) -> None:
    engine.times = 1
    made, step = await fit_video(
        engine, files / "heavy.mp4", tmp_path, size=5_000_000, max_bytes=LIMIT
    )
    assert step is FitStep.REENCODED
    assert size(made) <= LIMIT
    assert engine.encodes == 2


async def test_an_encoder_that_always_makes_too_much_is_given_up(
    engine: Overshooting, files: Path, tmp_path: Path
) -> None:
    engine.times = 1000
    with pytest.raises(MediaError) as failed:
        await fit_video(engine, files / "heavy.mp4", tmp_path, size=5_000_000, max_bytes=LIMIT)
    assert failed.value.code is Code.POST_TOO_LARGE
    assert engine.encodes <= 4


async def test_a_source_that_is_no_video_is_reported(
    engine: Overshooting, files: Path, tmp_path: Path
) -> None:
    with pytest.raises(MediaError) as failed:
        await fit_video(engine, files / "sound.mp4", tmp_path, size=9_000, max_bytes=8_000)
    assert failed.value.code is Code.RESULT_BROKEN


def size(path: Path) -> int:
    return path.stat().st_size
