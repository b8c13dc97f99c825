"""Results made to harm: what a provider hands out is opened no more trustingly than an upload."""

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError
from bot.domain.ids import GenerationId
from bot.media.engine import Engine
from bot.media.store import DiskMediaStore
from tests.contract.media.test_hostile_files import HOSTILE
from tests.e2e.films import film
from tests.security.conftest import Tally

ID = GenerationId("0" * 20)
Adopt = Callable[[bytes], Awaitable[Code | None]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskMediaStore]:
    async def nothing(url: str, target: Path, most: int) -> int:
        raise AssertionError

    async with Engine() as engine:
        yield DiskMediaStore(root=tmp_path / "media", engine=engine, fetch=nothing)


@pytest.fixture
def adopt(store: DiskMediaStore) -> Adopt:
    """Take bytes in as a finished download; the code they were refused with."""

    async def adopting(data: bytes) -> Code | None:
        store.partial_path(ID).write_bytes(data)
        try:
            await store.adopt(ID, "0" * 64)
        except MediaError as error:
            return error.code
        return None

    return adopting


@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_results_are_not_kept(
    store: DiskMediaStore, adopt: Adopt, tally: Tally, what: str
) -> None:
    data, _ = HOSTILE[what]
    code = await adopt(data)
    kept = list((store.root / "videos").iterdir())
    tally.refused((what, code), ok=code is Code.RESULT_BROKEN and not kept)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


async def test_a_film_that_points_to_other_files_opens_none(
    tmp_path: Path, store: DiskMediaStore, adopt: Adopt, tally: Tally
) -> None:
    """Its samples are said to lie in a file of ours: none of that file gets into the video."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"CANARY" * 20_000)
    data = film(tmp_path / "film.mp4", seconds=1).read_bytes()
    own = box(b"url ", b"\0\0\0\1")
    assert data.count(own) >= 1
    link = box(b"url ", b"\0\0\0\0" + b"file://" + str(secret).encode() + b"\0")
    # Only what lies before the samples moves, and their offsets with it do not matter here.
    for reference in (own[:8] + b"\0\0\0\0", link):
        grown = _grown(data, own, reference)
        code = await adopt(grown)
        kept = [path.read_bytes() for path in (store.root / "videos").iterdir()]
        tally.refused(reference, ok=not any(b"CANARYCANARY" in film for film in kept))
        assert code in {None, Code.RESULT_BROKEN}


def _grown(data: bytes, old: bytes, new: bytes) -> bytes:
    """The film with one small box replaced, and every box around it as long as it then is."""
    at = data.index(old)
    more = len(new) - len(old)
    out = bytearray(data[:at] + new + data[at + len(old) :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = bytes(out).rindex(kind, 0, at) - 4
        (length,) = struct.unpack(">I", out[start : start + 4])
        out[start : start + 4] = struct.pack(">I", length + more)
    return bytes(out)
