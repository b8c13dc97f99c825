"""Whatever is wrong in a file, the worker's jobs fail in one way."""

import contextlib
import io
import random
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from bot.media.jobs import JobError, PictureLimits
from bot.media.worker import look, pictures

DATA = Path(__file__).parent.parent.parent / "data" / "media"
LIMITS = PictureLimits(
    pixels=10**6,
    scaled_pixels=10**6,
    least_side=16,
    largest_side=1000,
    largest_pixels=10**6,
    max_bytes=10**6,
)
VIDEOS = {".mp4": "mov", ".mov": "mov", ".webm": "matroska"}


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, or a piece cut out."""
    if chance.random() < 0.3:
        at = chance.randrange(len(data))
        return data[:at] + data[at + chance.randrange(200) :]
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        # Headers are where it hurts.
        changed[chance.randrange(min(len(data), 600))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
def test_no_bytes_make_a_job_raise_anything_else(name: str, tmp_path: Path) -> None:
    chance, data, path = random.Random(name), (DATA / name).read_bytes(), tmp_path / name
    for _ in range(25):
        path.write_bytes(spoiled(data, chance))
        with contextlib.suppress(JobError):
            if path.suffix in VIDEOS:
                look.look(path, VIDEOS[path.suffix], max_pixels=10**6)
            else:
                pictures.convert(path, path.suffix[1:], tmp_path, LIMITS)


def test_a_cut_picture_changes_nothing_for_the_rest_of_the_process(tmp_path: Path) -> None:
    """Pillow's switch is global: left on, it would accept cut pictures everywhere."""
    whole, path = io.BytesIO(), tmp_path / "cut.png"
    Image.effect_noise((64, 64), 90).save(whole, "PNG")
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(JobError):
        pictures.convert(path, "png", tmp_path, LIMITS)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
