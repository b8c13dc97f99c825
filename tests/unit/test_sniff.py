"""The type of a file, by its first bytes and nothing else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.media import MediaKind
from bot.media.sniff import Format, sniff
from bot.media.store import safe_name

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xff\xc2\x00\x11\x08" + struct.pack(">HH", 480, 640) + b"\x03" + b"\0" * 9
)
GIF = b"GIF89a" + struct.pack("<HH", 640, 480)
WEBP_LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480)
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14)
WEBP_EXTENDED = (
    b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0"
    + (639).to_bytes(3, "little")
    + (479).to_bytes(3, "little")
)
EBML = b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01"


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (PNG, Format.PNG),
        (JPEG, Format.JPEG),
        (GIF, Format.GIF),
        (WEBP_LOSSY, Format.WEBP),
        (WEBP_LOSSLESS, Format.WEBP),
        (WEBP_EXTENDED, Format.WEBP),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Format.HEIC),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Format.HEIC),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", Format.AVIF),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Format.AVIF),
    ],
)
def test_pictures_are_known(head: bytes, format_: Format) -> None:
    assert sniff(head) is format_
    assert format_.kind is MediaKind.IMAGE


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (b"\0\0\0\x20ftypisom\0\0\2\0", Format.MP4),
        (b"\0\0\0\x14ftypqt  \0\0\2\0", Format.MP4),
        (b"\0\0\0\x1cftyp3gp4\0\0\2\0", Format.MP4),
        (b"\0\0\x10\0moov\0\0\0\x6cmvhd", Format.MP4),
        (b"\0\0\0\x08free\0\0\0\x18ftyp", Format.MP4),
        (b"\0\0\0\x20uuid" + bytes(range(24)), Format.MP4),
        (b"\0\0\0\x10skip\0\0\0\0\0\0\0\0", Format.MP4),
        (EBML + b"B\x82\x84webm", Format.MATROSKA),
        (EBML + b"B\x82\x88matroska", Format.MATROSKA),
    ],
)
def test_videos_are_known(head: bytes, format_: Format) -> None:
    assert sniff(head) is format_
    assert format_.kind is MediaKind.VIDEO


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0" * 64,
        b"#EXTM3U\n#EXT-X-VERSION:3\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"<html><script>",
        b"\0\0\0\x20ftypM4A \0\0\0\0",
        b"#EXTftypisom",  # a playlist that carries an MP4's name where MP4s carry it
        b"\0\0\0\1ftypisom",
        EBML + b"B\x82\x84doom",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RIFF\0\0\0\0AVI LIST",
    ],
)
def test_everything_else_is_nothing(head: bytes) -> None:
    assert sniff(head) is None


MAGIC = st.sampled_from([b"", PNG, JPEG, GIF, WEBP_LOSSY, WEBP_EXTENDED, b"\0\0\0\x20ftyp", EBML])


@given(magic=MAGIC, rest=st.binary(max_size=200), cut=st.integers(0, 60))
def test_no_bytes_make_the_sniffer_raise(magic: bytes, rest: bytes, cut: int) -> None:
    sniff(magic[:cut] + rest)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\cat.mp4", "cat.mp4"),
        ("a\u202egnp.exe\n\0.png", "agnp.exe.png"),
        ("", "file"),
        ("...", "file"),
        ("x" * 300 + ".mp4", "x" * 70 + "….mp4"),
        ("y" * 300, "y" * 79 + "…"),
    ],
)
def test_names_are_made_safe_to_show(given_name: str, shown: str) -> None:
    assert safe_name(given_name) == shown
