"""Sizes of pictures and films, read from files that other programs wrote."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from sandbox.clips.footage import Encoding, write
from sandbox.discord.state.dimensions import content_type, dimensions


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("GIF", {}),
        ("WEBP", {"lossless": False}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_picture(tmp_path: Path, kind: str, options: dict[str, bool]) -> None:
    path = tmp_path / "picture"
    Image.new("RGB", (37, 21), "red").save(path, kind, **options)
    assert dimensions(path) == (37, 21)


def test_a_picture_with_transparency(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    Image.new("RGBA", (300, 5)).save(path, "WEBP", exif=Image.Exif().tobytes())
    assert dimensions(path) == (300, 5)


@pytest.mark.parametrize("faststart", [True, False])
def test_a_film(tmp_path: Path, faststart: bool) -> None:
    path = tmp_path / "film.mp4"
    graph = "color=red:size=64x36:rate=5:duration=0.4[out0]"
    write(path, graph, Encoding(streamable=faststart))
    assert dimensions(path) == (64, 36)


@pytest.mark.parametrize("cut", [0, 5, 12, 30])
def test_what_is_cut_short_has_no_size_and_no_crash(tmp_path: Path, cut: int) -> None:
    whole = BytesIO()
    Image.new("RGB", (37, 21)).save(whole, "JPEG")
    path = tmp_path / "cut"
    path.write_bytes(whole.getvalue()[:cut])
    assert dimensions(path) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", "video/mp4"),
        ("a.webp", "image/webp"),
        ("a.png", "image/png"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_type_goes_by_the_name(name: str, kind: str) -> None:
    assert content_type(name) == kind
