"""Small files for the tests: a film that the providers hand out, pictures, and files that lie."""

import hashlib
import io
from pathlib import Path

from PIL import Image

from sandbox.clips import ClipRequest
from sandbox.clips.footage import Encoding, write


def film(
    path: Path, *, seconds: float = 2, size: str = "160x90", rate: int = 12, kbit: int = 0
) -> Path:
    """A film with sound that plays everywhere; ``kbit`` fills it with noise of that rate."""
    picture = f"testsrc2=s={size}:r={rate}:d={seconds}"
    options = {"preset": "ultrafast"}
    if kbit:
        picture += ",noise=alls=100:allf=t"
        options |= dict.fromkeys(("b", "minrate", "maxrate", "bufsize"), f"{kbit}k")
    graph = f"{picture}[out0];sine=frequency=440:duration={seconds}[out1]"
    return write(path, graph, Encoding(options=options))


class NumberedClips:
    """One film for every video, each copy told apart by a number at its end.

    ``made`` holds by prompt the SHA-256 of what was handed out, ``sources`` that of the video that
    was to be edited.
    """

    def __init__(self, film: Path) -> None:
        self.made: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self._film = film

    async def render(self, request: ClipRequest) -> Path:
        """A copy with a box of its own, which players skip."""
        number = len(self.made) + 1
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        path = self._film.with_name(f"copy-{number}.mp4")
        path.write_bytes(self._film.read_bytes() + box)
        self.made[request.prompt] = _sha256(path)
        if request.source is not None:
            self.sources[request.prompt] = _sha256(request.source)
        return path

    async def close(self) -> None:
        """Nothing is under way."""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def picture(
    kind: str = "PNG", size: tuple[int, int] = (320, 200), colour: str = "#c2410c"
) -> bytes:
    """A picture of one colour in a format that Pillow knows."""
    held = io.BytesIO()
    Image.new("RGB", size, colour).save(held, kind)
    return held.getvalue()
