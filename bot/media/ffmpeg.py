"""ffmpeg as a subprocess on a short leash: the only program that ever decodes a file from outside.

Owns finding it, starting it with limits (time, CPU, memory, file size, no stdin, no network, one
demuxer, known codecs) and ending it. What to do with a file belongs to the modules beside it.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from bot.domain.errors import Code, MediaError

MAX_PIXELS = 40_000_000
"""No frame larger than this is ever decoded."""

CODECS = (
    "h264,hevc,mpeg4,h263,mjpeg,prores,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,"
    "png,gif,webp,"
    "aac,aac_fixed,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,ac3_fixed,eac3,amrnb,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le,pcm_u8"
)

# The shell sets the limits and becomes ffmpeg: nothing of ours runs between fork and exec. Memory
# limits do not exist everywhere (macOS); the rest do. -f counts blocks of 512 bytes.
_LEASH = (
    "ulimit -c 0; ulimit -n 64; ulimit -t $1; ulimit -f $2; ulimit -v $3 2>/dev/null;"
    ' shift 3; exec nice -n 10 "$@"'
)
_LOG_HEAD = 32 * 1024
_LOG_TAIL = 4 * 1024


@dataclass(frozen=True, kw_only=True)
class Leash:
    """What one run may use: seconds by the clock and of CPU, bytes of memory and of a file."""

    seconds: int = 60
    cpu_seconds: int = 120
    memory: int = 3 * 1024**3
    file_size: int = 1024**3


PROBE = Leash(seconds=30, cpu_seconds=30)
ENCODE = Leash(seconds=300, cpu_seconds=600)


_NOT_STARTED = frozenset({126, 127})
"""How the shell ends when it cannot start the program: that says nothing about the file."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a run ended: ``status`` is the exit status, negative for a signal; ``log`` is cut."""

    status: int
    log: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.status == 0 and not self.timed_out

    @property
    def disk_full(self) -> bool:
        """Whether it failed because there was no room."""
        return not self.ok and "No space left on device" in self.log


def find_ffmpeg(configured: str = "") -> Path:
    """The program to use: the configured one, else the one on PATH, else the bundled one.

    Raises:
        MediaError: INTERNAL with ``reason`` ``ffmpeg_missing``.
    """
    if configured:
        found = shutil.which(configured)
        if found is None:
            raise MediaError(Code.INTERNAL, reason="ffmpeg_missing", path=configured)
        return Path(found)
    on_path = shutil.which("ffmpeg")
    if on_path:
        return Path(on_path)
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise MediaError(Code.INTERNAL, reason="ffmpeg_missing", path="") from None


def from_file(path: Path, demuxer: str) -> list[str]:
    """The arguments that open a file with one demuxer, known codecs and no other protocol."""
    return [
        *(
            "-protocol_whitelist",
            "file",
            "-codec_whitelist",
            CODECS,
            "-max_pixels",
            str(MAX_PIXELS),
        ),
        *("-threads", "2", "-f", demuxer, "-i", f"file:{path.absolute()}"),
    ]


class Ffmpeg:
    """Runs ffmpeg, at most ``at_once`` at a time; the rest waits."""

    def __init__(self, program: Path, *, at_once: int = 2) -> None:
        self.program = program
        self._turns = asyncio.Semaphore(at_once)

    async def version(self) -> str:
        """The first line of what it says about itself.

        Raises:
            MediaError: as ``run``.
        """
        run = await self.run(["-version"], PROBE)
        return run.log.partition("\n")[0] if run.ok else ""

    async def run(self, arguments: Sequence[str], leash: Leash) -> Run:
        """Run it once and wait. Cancelling kills it first, and only then goes on.

        Raises:
            MediaError: INTERNAL with ``reason`` ``ffmpeg_missing`` when it cannot be started.
        """
        async with self._turns:
            process = await self._start(arguments, leash)
            log = bytearray()
            try:
                async with asyncio.timeout(leash.seconds):
                    await _drain(process, log)
                    status = await process.wait()
                if status in _NOT_STARTED:
                    raise MediaError(Code.INTERNAL, reason="ffmpeg_missing", path=str(self.program))
                return Run(status=status, log=_text(log))
            except TimeoutError:
                return Run(status=-signal.SIGKILL, log=_text(log), timed_out=True)
            finally:
                await _end(process)

    async def _start(self, arguments: Sequence[str], leash: Leash) -> asyncio.subprocess.Process:
        limits = (leash.cpu_seconds, leash.file_size // 512, leash.memory // 1024)
        try:
            return await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _LEASH, "sh", *map(str, limits)),
                *(str(self.program), "-hide_banner", "-nostdin", "-y", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                # Nothing of our environment: it may hold keys.
                env={"PATH": os.defpath, "LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise MediaError(
                Code.INTERNAL, reason="ffmpeg_missing", path=str(self.program)
            ) from error


async def _drain(process: asyncio.subprocess.Process, log: bytearray) -> None:
    """Read all it says, keep the beginning and the end."""
    assert process.stdout is not None  # noqa: S101 - asked for above
    while chunk := await process.stdout.read(16 * 1024):
        log += chunk
        if len(log) > _LOG_HEAD + _LOG_TAIL:
            del log[_LOG_HEAD:-_LOG_TAIL]


def _text(log: bytearray) -> str:
    return log.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # Gone at once, so a second cancellation may wait for it too. Its output is read to the end
        # first: asyncio does not see the end of a process whose pipe it stopped reading.
        await asyncio.shield(_reap(process))


async def _reap(process: asyncio.subprocess.Process) -> None:
    await _drain(process, bytearray())
    await process.wait()
