"""How much memory it takes when members attach many large pictures at once.

Ten members with sixteen pictures of 40 MiB each, all at the same moment: what this process and the
processes that decode hold at most, over what they hold when idle.

    .venv/bin/python -m bench.intake --members 10 --files 16
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bot.domain.media import MediaKind
from bot.domain.ports.media import IncomingFile
from bot.engine.room import Room
from bot.media.engine import Engine
from bot.media.store import DiskMediaStore
from bot.services.attachments import Intake
from tests.fakes.ports import FakeMessenger

MIB = 2**20
SIDE = 3740
"""Pixels a side of a picture of noise that is 40 MiB as a PNG."""
_EVERY_SECONDS = 0.02
_MAKE = f"""
import sys
from PIL import Image
bands = [Image.effect_noise(({SIDE}, {SIDE}), 100) for _ in range(3)]
Image.merge("RGB", bands).save(sys.argv[1], compress_level=0)
"""


@dataclass(kw_only=True)
class Peak:
    """The most that was seen, in bytes."""

    bytes: int = 0


def resident() -> int:
    """Return what this process and its children hold, in bytes."""
    own = Path("/proc/self")
    children = (own / "task" / own.resolve().name / "children").read_text(encoding="ascii")
    return sum(_resident(pid) for pid in (own.resolve().name, *children.split()))


def _resident(pid: str) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[Peak]:
    """Look again and again for as long as it lasts."""
    peak = Peak()

    async def look() -> None:
        while True:
            peak.bytes = max(peak.bytes, resident())
            await asyncio.sleep(_EVERY_SECONDS)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(look())
        yield peak
        task.cancel()


async def copy(url: str, destination: Path, max_bytes: int) -> int:
    """Stand in for a download: it is streamed to the disk, too."""
    del max_bytes
    await asyncio.to_thread(shutil.copyfile, url, destination)
    return (await asyncio.to_thread(destination.stat)).st_size


async def measure(folder: Path, members: int, files: int) -> None:
    """Make the pictures, take all of them in, print what it took."""
    picture = folder / "noise.png"
    # In a process of its own: what that leaves behind would count as idle here.
    maker = await asyncio.create_subprocess_exec(sys.executable, "-c", _MAKE, str(picture))
    await maker.wait()
    size = SIDE * SIDE * 3
    async with Engine() as engine:
        store = DiskMediaStore(root=folder / "media", engine=engine, fetch=copy)
        intake = Intake(media=store, room=Room(media=store, messenger=FakeMessenger()))
        given = [
            IncomingFile(url=str(picture), name=f"{number}.png", size=size)
            for number in range(files)
        ]
        idle, began = resident(), time.monotonic()
        async with watching() as peak:
            await asyncio.gather(
                *(intake.take(given, kinds=(MediaKind.IMAGE,)) for _ in range(members))
            )
        seconds = time.monotonic() - began
    figures = {
        "members": members,
        "files": files,
        "idle_mib": round(idle / MIB),
        "peak_over_idle_mib": round((peak.bytes - idle) / MIB),
        "seconds": round(seconds, 1),
    }
    print(json.dumps(figures))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--files", type=int, default=16)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), arguments.members, arguments.files))


if __name__ == "__main__":
    main()
