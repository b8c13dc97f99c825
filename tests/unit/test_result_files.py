"""A result on its way to the disk, and the look at its skeleton."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.errors import MediaError
from bot.providers.files import FileSink, clear, mp4_fault
from bot.providers.uploads import Uploads
from tests.outside import OwnedClock


def box(kind: bytes, content: bytes = b"", *, length: int | None = None) -> bytes:
    size = 8 + len(content) if length is None else length
    return size.to_bytes(4, "big") + kind + content


def long_box(kind: bytes, content: bytes) -> bytes:
    return (1).to_bytes(4, "big") + kind + (16 + len(content)).to_bytes(8, "big") + content


FTYP = box(b"ftyp", b"mp42" * 2)
MOOV = box(b"moov", b"m" * 40)
MDAT = box(b"mdat", b"d" * 900)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (FTYP + MOOV + MDAT, None),
        (FTYP + MDAT + MOOV, None),
        (FTYP + MOOV + long_box(b"mdat", b"d" * 50), None),
        (FTYP + MOOV + box(b"mdat", b"d" * 50, length=0), None),
        (FTYP + box(b"prft", b"x" * 9) + MOOV + MDAT, None),
        (FTYP + MOOV + MDAT + b"trailing bytes that are no box", None),
        (FTYP + MOOV + MDAT[:-1], "cut short"),
        (FTYP + MOOV[:20], "cut short"),
        (FTYP + MOOV + box(b"mdat", length=4), "cut short"),
        (FTYP + MDAT, "no index"),
        (FTYP, "no index"),
        (b"<html>not found</html>", "not an mp4"),
        (b"\x89PNG\r\n\x1a\n0000", "not an mp4"),
        (b"", "not an mp4"),
    ],
)
def test_a_whole_mp4_is_told_from_a_cut_one(body: bytes, fault: str | None, tmp_path: Path) -> None:
    path = tmp_path / "result.part"
    path.write_bytes(body)
    assert mp4_fault(path) == fault


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.sampled_from([FTYP, MOOV, MDAT, b"\0\0\0\1mdat", b"\0\0\0\0"]) | st.binary(max_size=20)
    )
)
def test_no_file_makes_the_look_stumble(parts: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "result.part"
    path.write_bytes(FTYP + b"".join(parts))
    assert mp4_fault(path) in {None, "cut short", "no index"}


async def test_a_finished_file_is_counted_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    body = b"0123456789" * 100_000
    async with FileSink(path) as sink:
        for start in range(0, len(body), 7001):
            await sink.write(body[start : start + 7001])
        got = await sink.finish()
    assert path.read_bytes() == body
    assert (got.size, got.sha256) == (len(body), hashlib.sha256(body).hexdigest())


async def test_an_unfinished_file_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    async with FileSink(path) as sink:
        await sink.write(b"x" * 1_000_000)
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_is_a_media_error(tmp_path: Path) -> None:
    path = tmp_path / "full"
    path.symlink_to("/dev/full")
    async with FileSink(path) as sink:
        with pytest.raises(MediaError) as caught:
            await sink.write(b"x" * 1_000_000)
    assert caught.value.facts["reason"] == "disk"
    assert list(tmp_path.iterdir()) == []


async def test_what_cannot_be_cleared_is_a_media_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        await clear(tmp_path)
    await clear(tmp_path / "nothing there")


def test_links_are_remembered_while_they_last() -> None:
    clock = OwnedClock()
    uploads = Uploads(clock=clock)
    uploads.remember("a", "https://f.example/a", None)
    uploads.remember("b", "https://f.example/b", clock.now() + timedelta(hours=30))
    clock.seconds = 5 * 3600
    assert uploads.url_of("a") == "https://f.example/a"
    assert uploads.url_of("b") == "https://f.example/b"
    clock.seconds = 7 * 3600
    assert uploads.url_of("b") is None
    uploads.forget(["https://f.example/a"])
    assert uploads.url_of("a") is None


def test_only_so_many_links_are_remembered() -> None:
    uploads = Uploads(clock=OwnedClock())
    for number in range(600):
        uploads.remember(str(number), f"https://f.example/{number}", None)
    assert uploads.url_of("0") is None
    assert uploads.url_of("599") == "https://f.example/599"
