"""A result on its way to the disk, and the look at its skeleton."""

import hashlib
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from bot.providers.files import FileSink, clear, is_text
from bot.providers.uploads import Uploads
from tests.fakes.ports import OwnedClock


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>not found</html>", True),
        (b"\xef\xbb\xbf\r\n <?xml version='1.0'?><Error/>", True),
        (b'{"error": {}}', True),
        (b"\0\0\0\x18ftypmp42", False),
        (b"\x1a\x45\xdf\xa3", False),
        (b"", False),
    ],
)
def test_text_in_a_videos_place_is_recognised(body: bytes, text: bool, tmp_path: Path) -> None:
    path = tmp_path / "result.part"
    path.write_bytes(body)
    assert is_text(path) is text


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
    uploads.remember("a", "https://f.example/a")
    clock.seconds = 10 * 3600
    uploads.remember("b", "https://f.example/b")
    clock.seconds = 48 * 3600
    assert uploads.url_of("a") == "https://f.example/a"
    clock.seconds = 49 * 3600
    assert uploads.url_of("a") is None
    assert uploads.url_of("b") == "https://f.example/b"
    uploads.forget(["https://f.example/b"])
    assert uploads.url_of("b") is None


def test_only_a_few_links_are_remembered() -> None:
    uploads = Uploads(clock=OwnedClock())
    for number in range(600):
        uploads.remember(str(number), f"https://f.example/{number}")
    assert uploads.url_of("0") is None
    assert uploads.url_of("599") == "https://f.example/599"
