"""What is old is cleaned away, what is in use stays, and a broken disk is told as such."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError
from bot.domain.ids import GenerationId
from bot.domain.media import MediaKind, StoredMedia
from bot.media.store import DiskMediaStore

from .conftest import Describe

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def put(path: Path, age: timedelta) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    at = (NOW - age).timestamp()
    os.utime(path, (at, at))
    if path.parent.parent.name == "scratch":
        os.utime(path.parent, (at, at))
    return path


async def test_old_files_go_and_young_ones_stay(store: DiskMediaStore) -> None:
    gone = [
        put(store.root / "videos/old.mp4", timedelta(days=31)),
        put(store.root / "inputs/old.png", timedelta(days=31)),
        put(store.root / "copies/old.100.preview.mp4", timedelta(days=31)),
        put(store.root / "partial/old.part", timedelta(days=2)),
        put(store.root / "scratch/old/passes.log", timedelta(days=2)),
    ]
    stay = [
        put(store.root / "videos/young.mp4", timedelta(days=29)),
        put(store.root / "partial/young.part", timedelta(hours=23)),
        put(store.root / "scratch/young/passes.log", timedelta(hours=23)),
    ]
    assert await store.clean(NOW, MONTH) == len(gone)
    assert {path.exists() for path in gone} == {False}
    assert {path.exists() for path in stay} == {True}
    assert await store.clean(NOW, MONTH) == 0


async def test_a_file_given_again_counts_as_new(store: DiskMediaStore, incoming: Describe) -> None:
    media = await store.take(incoming("photo.jpg"), kinds=[MediaKind.IMAGE])
    put_back(store.path_of(media))
    await store.take(incoming("photo.jpg"), kinds=[MediaKind.IMAGE])
    assert await store.clean(datetime.now(UTC), MONTH) == 0


def put_back(path: Path) -> None:
    os.utime(path, (0, 0))


async def test_work_leaves_nothing_in_the_scratch_folder(
    store: DiskMediaStore, incoming: Describe
) -> None:
    await store.take(incoming("photo.jpg"), kinds=[MediaKind.IMAGE])
    assert list((store.root / "scratch").iterdir()) == []


async def test_a_full_disk_is_told_as_such(
    store: DiskMediaStore, incoming: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(url: str, destination: Path, max_bytes: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_fetch", full)
    with pytest.raises(MediaError) as told:
        await store.take(incoming("photo.jpg"), kinds=[MediaKind.IMAGE])
    assert told.value.code is Code.INTERNAL
    assert told.value.facts == {"reason": "disk_full", "errno": errno.ENOSPC}


async def test_a_result_that_is_not_there_is_our_own_fault(store: DiskMediaStore) -> None:
    with pytest.raises(MediaError) as told:
        await store.adopt(GenerationId("nothing"), "00")
    assert told.value.facts == {"reason": "disk", "errno": errno.ENOENT}


@pytest.mark.parametrize("generation_id", ["../x", "a/b", "", ".", "x" * 65, "a\0"])
def test_an_id_cannot_leave_the_folder(store: DiskMediaStore, generation_id: str) -> None:
    with pytest.raises(ValueError):
        store.partial_path(GenerationId(generation_id))


@pytest.mark.parametrize("path", ["../outside.mp4", "/etc/hostname", "videos/../../x"])
def test_a_path_cannot_leave_the_folder(store: DiskMediaStore, path: str) -> None:
    media = StoredMedia(
        kind=MediaKind.VIDEO, path=path, mime="", size=0, sha256="", width=0, height=0
    )
    with pytest.raises(ValueError):
        store.path_of(media)
