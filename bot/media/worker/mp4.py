"""The layout of an MP4: the order of its outermost boxes, and what is outside of them."""

from dataclasses import dataclass
from pathlib import Path

_CREDENTIALS = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The type of the ``uuid`` box in which C2PA keeps content credentials."""

_MAX_BOXES = 10_000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The layout of an MP4. It does not say whether the file can be played.

    ``streamable`` is true if the index comes first and there are no fragments; ``surplus`` is true
    if bytes follow the last box; ``credentials`` is true if content credentials are in it.
    """

    streamable: bool = False
    surplus: bool = False
    credentials: bool = False


def layout(path: Path) -> Layout:
    """Read the names of an MP4's outermost boxes."""
    names: list[bytes] = []
    credentials = surplus = False
    end = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < end and len(names) < _MAX_BOXES:
            file.seek(at)
            head = file.read(32)
            size, name = int.from_bytes(head[:4], "big"), head[4:8]
            start = 8
            if size == 1:
                size, start = int.from_bytes(head[8:16], "big"), 16
            elif size == 0:
                size = end - at
            if size < 8 or at + size > end or not name.isalnum():
                surplus = True
                break
            names.append(name)
            credentials = credentials or (
                name == b"uuid" and head[start : start + 16] == _CREDENTIALS
            )
            at += size
    places = [names.index(name) for name in (b"moov", b"mdat") if name in names]
    return Layout(
        streamable=len(places) == 2 and places[0] < places[1] and b"moof" not in names,
        surplus=surplus,
        credentials=credentials,
    )
