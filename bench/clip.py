"""The video that benches deliver: a real one, of exactly the size that is asked for.

Owns how it is made. Noise is what fills it: nothing else makes five seconds that large.
"""

import asyncio
import struct
from pathlib import Path

from sandbox.clips.footage import Encoding, write

SECONDS = 5
MIB = 2**20


async def make_clip(path: Path, *, size: int) -> Path:
    """An MP4 of ``size`` bytes with H.264 in it, padded at its end by an empty box."""
    kilobits = size * 8 * 0.9 / SECONDS / 1000
    picture = f"testsrc2=size=1280x720:rate=24:duration={SECONDS},noise=alls=80:allf=t[out0]"
    rate = dict.fromkeys(("b", "maxrate"), f"{kilobits:.0f}k") | {"bufsize": "2M"}
    encoding = Encoding(options={"preset": "ultrafast"} | rate)
    await asyncio.to_thread(write, path, picture, encoding)
    await asyncio.to_thread(_pad, path, size)
    return path


def _pad(path: Path, size: int) -> None:
    left = size - path.stat().st_size
    if left < 8:
        raise ValueError(f"the film alone is larger than {size} bytes")
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", left, b"free"))
        file.truncate(size)
