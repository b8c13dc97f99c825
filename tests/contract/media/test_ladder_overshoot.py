"""An encoder does not always keep to its bit rate: once too much is mended, always is told."""

import sys
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError
from bot.media.ffmpeg import Ffmpeg
from bot.media.fit import fit_video

LIMIT = 400_000


def overshooting(program: Path, folder: Path, *, times: int) -> Ffmpeg:
    """The real ffmpeg, but its first so many second passes get a bit rate far too high."""
    wrapper = folder / "ffmpeg"
    wrapper.write_text(f"""#!{sys.executable}
import os, pathlib, sys
arguments, count = sys.argv[1:], pathlib.Path({str(folder)!r}, "count")
if "-pass" in arguments and arguments[arguments.index("-pass") + 1] == "2":
    done = int(count.read_text()) if count.exists() else 0
    count.write_text(str(done + 1))
    if done < {times}:
        arguments[-1:-1] = ["-b:v", "9M", "-maxrate", "9M", "-bufsize", "9M"]
os.execv({str(program)!r}, [{str(program)!r}, *arguments])
""")
    wrapper.chmod(0o755)
    return Ffmpeg(wrapper)


def passes(folder: Path) -> int:
    return int((folder / "count").read_text())


async def test_a_copy_that_came_out_too_large_is_made_again_smaller(
    program: Path, files: Path, tmp_path: Path
) -> None:
    ffmpeg = overshooting(program, tmp_path, times=1)
    made, how = await fit_video(
        ffmpeg, files / "heavy.mp4", tmp_path, size=5_000_000, max_bytes=LIMIT
    )
    assert how == "reencoded"
    assert size(made) <= LIMIT
    assert passes(tmp_path) == 2


async def test_an_encoder_that_always_makes_too_much_is_given_up(
    program: Path, files: Path, tmp_path: Path
) -> None:
    ffmpeg = overshooting(program, tmp_path, times=1000)
    with pytest.raises(MediaError) as told:
        await fit_video(ffmpeg, files / "heavy.mp4", tmp_path, size=5_000_000, max_bytes=LIMIT)
    assert told.value.code is Code.POST_TOO_LARGE
    assert passes(tmp_path) <= 4


async def test_a_source_that_is_no_video_is_told(
    program: Path, files: Path, tmp_path: Path
) -> None:
    with pytest.raises(MediaError) as told:
        await fit_video(Ffmpeg(program), files / "sound.mp4", tmp_path, size=9_000, max_bytes=8_000)
    assert told.value.code is Code.RESULT_BROKEN


def size(path: Path) -> int:
    return path.stat().st_size
