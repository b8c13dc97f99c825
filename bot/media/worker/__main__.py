"""Reads jobs, one JSON document a line, and writes their results, until the input ends.

It sets its own limits before it opens a file. The standard output is for the results only: what the
libraries print there is discarded.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.media.jobs import JobError, PictureLimits
from bot.media.worker.errors import damaged


def main() -> None:
    """Read the limits from the command line and the jobs from standard input."""
    cpu_seconds, total_cpu_seconds, memory, file_size = (int(value) for value in sys.argv[1:5])
    _limit(total_cpu_seconds, memory, file_size)
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    jobs = _jobs()
    print(json.dumps({"ready": _versions()}), file=output, flush=True)
    for line in sys.stdin:
        _limit_cpu(cpu_seconds)
        job = json.loads(line)
        print(json.dumps(_result(jobs, job)), file=output, flush=True)


def _result(jobs: dict[str, Callable[..., object]], job: dict[str, Any]) -> dict[str, object]:
    try:
        with damaged():
            return {"result": jobs[job.pop("job")](**job)}
    except JobError as error:
        return {"fault": error.fault.value, "detail": error.detail, "facts": error.facts}


def _versions() -> str:
    import av
    import PIL

    return f"PyAV {av.__version__} with FFmpeg {av.ffmpeg_version_info}, Pillow {PIL.__version__}"


def _jobs() -> dict[str, Callable[..., object]]:
    # Importing the libraries is slow, so it is done before the first job arrives.
    import av.logging

    from bot.media.worker import look, pictures, videos

    av.logging.set_level(None)

    def picture(
        source: str, format_: str, scratch: str, limits: dict[str, int]
    ) -> dict[str, object]:
        return pictures.convert(Path(source), format_, Path(scratch), PictureLimits(**limits))

    def facts(source: str, demuxer: str, max_pixels: int) -> dict[str, object]:
        return look.look(Path(source), demuxer, max_pixels=max_pixels)

    def remux(source: str, demuxer: str, destination: str) -> None:
        videos.remux(Path(source), demuxer, Path(destination))

    def encode(
        source: str, demuxer: str, destination: str, scratch: str, quality: dict[str, int]
    ) -> None:
        videos.encode(
            Path(source), demuxer, Path(destination), Path(scratch), videos.Quality(**quality)
        )

    return {"picture": picture, "look": facts, "remux": remux, "encode": encode}


def _limit(cpu_seconds: int, memory: int, file_size: int) -> None:
    os.nice(10)
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_AS, memory),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            # macOS has no memory limit.
            if what != resource.RLIMIT_AS:
                raise


def _limit_cpu(seconds: int) -> None:
    """Allow the next job this many seconds; the system kills the process at the limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (min(most, hard), hard))


if __name__ == "__main__":
    main()
