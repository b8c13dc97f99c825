"""Old files are removed, files in use stay, and a broken disk is reported as such."""

import asyncio
import errno
import os
import shutil
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.domain.errors import Code, MediaError, StorageUnavailable
from bot.domain.ids import GenerationId
from bot.domain.media import MediaKind, StoredMedia
from bot.media import store as stores
from bot.media.budget import Budget
from bot.media.store import DiskMediaStore
from tests.fakes.ports import OwnedClock

from .conftest import Describe, copy

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


def needing(paths: Collection[str]) -> Callable[[], Awaitable[Collection[str]]]:
    async def needed() -> Collection[str]:
        return paths

    return needed


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


class Deleting(frozenset[str]):
    """Names what is needed; while it is asked, another worker deletes the rest of the folder."""

    folder: Path

    def __contains__(self, name: object) -> bool:
        for path in self.folder.iterdir():
            if path.name != Path(str(name)).name:
                path.unlink()
        return False


async def test_what_others_delete_meanwhile_stops_no_cleaning(store: DiskMediaStore) -> None:
    files = [put(store.root / f"videos/{n}.mp4", 2 * MONTH) for n in range(3)]
    needed = Deleting()
    needed.folder = store.root / "videos"
    store.needed = needing(needed)
    assert await store.clean(NOW, MONTH) == 1
    assert not any(path.exists() for path in files)


async def test_deleting_a_video_removes_every_copy_at_once(
    store: DiskMediaStore, files: Path
) -> None:
    video = StoredMedia(
        kind=MediaKind.VIDEO, path="videos/one.mp4", mime="", size=0, sha256="", width=0, height=0
    )
    gone = [
        put(store.root / "videos/one.mp4", MONTH),
        put(store.root / "copies/one.100.preview.mp4", MONTH),
        put(store.root / "copies/one.9.remuxed.mp4", MONTH),
    ]
    stays = put(store.root / "copies/one2.9.remuxed.mp4", MONTH)
    await store.discard(video)
    assert [path.exists() for path in gone] == [False] * 3
    assert stays.exists()
    await store.discard(video)  # gone already


async def test_beyond_its_bytes_the_oldest_files_go_first(store: DiskMediaStore) -> None:
    days = timedelta(days=1)
    oldest = put(store.root / "videos/oldest.mp4", 9 * days)
    needed = put(store.root / "videos/needed.mp4", 8 * days)
    copy = put(store.root / "copies/needed.9.remuxed.mp4", 8 * days)
    old = put(store.root / "inputs/old.png", 5 * days)
    young = put(store.root / "inputs/young.png", 4 * days)
    fresh = put(store.root / "videos/fresh.mp4", timedelta(hours=2))
    store.needed = needing({"videos/needed.mp4"})
    store._max_bytes = 4
    await store.clean(NOW, MONTH)
    kept = {path.name for path in (needed, copy, young, fresh) if path.exists()}
    assert kept == {"needed.mp4", copy.name, "young.png", "fresh.mp4"}
    assert not oldest.exists()
    assert not old.exists()
    store._max_bytes = 0
    await store.clean(NOW, MONTH)
    assert [path.exists() for path in (needed, copy, young, fresh)] == [True, True, False, True]
    await store.clean(NOW, timedelta(days=1))  # needed is needed, however old it is
    assert needed.exists()


async def test_a_full_disk_removes_old_files_before_it_refuses(
    store: DiskMediaStore, incoming: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = put(store.root / "videos/old.mp4", timedelta(days=5))
    tries: list[bool] = []

    async def full_once(url: str, destination: Path, max_bytes: int) -> int:
        tries.append(old.exists())
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return await copy(url, destination, max_bytes)

    clock = OwnedClock()
    clock.ahead = (NOW - clock.now()).total_seconds()
    monkeypatch.setattr(store, "_fetch", full_once)
    monkeypatch.setattr(store, "_clock", clock)
    monkeypatch.setattr(stores, "_FREE_BYTES", 2**60)
    await store.take(incoming("photo.jpg"), kinds=[MediaKind.IMAGE])
    assert tries == [True, False]


@pytest.fixture
def full(store: DiskMediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with no byte left on which three bytes would be enough; each file here has one."""
    clock = OwnedClock()
    clock.ahead = (NOW - clock.now()).total_seconds()
    monkeypatch.setattr(store, "_clock", clock)
    monkeypatch.setattr(stores, "_FREE_BYTES", 3)
    begun = sum(path.is_file() for path in store.root.rglob("*"))

    def usage(path: Path) -> SimpleNamespace:
        kept = sum(each.is_file() for each in path.rglob("*"))
        return SimpleNamespace(free=max(0, 7 + begun - kept))

    monkeypatch.setattr(shutil, "disk_usage", usage)


@pytest.mark.usefixtures("full")
async def test_room_is_made_from_the_oldest_files_and_never_from_what_is_in_work(
    store: DiskMediaStore,
) -> None:
    days = timedelta(days=1)
    in_work = put(store.root / "videos/in-work.mp4", 9 * days)
    its_copy = put(store.root / "copies/in-work.9.remuxed.mp4", 9 * days)
    oldest = [put(store.root / f"inputs/{age}.png", age * days) for age in (8, 7, 6)]
    younger = put(store.root / "videos/younger.mp4", 5 * days)
    running = put(store.root / "partial/running.part", 2 * days)
    store.needed = needing({"videos/in-work.mp4"})
    assert await store.make_room()
    assert [path.exists() for path in oldest] == [False] * 3
    assert all(path.exists() for path in (in_work, its_copy, younger, running))
    assert not await store.make_room()  # enough


@pytest.mark.usefixtures("full")
async def test_nothing_is_removed_where_all_is_in_work_or_nobody_can_say(
    store: DiskMediaStore,
) -> None:
    files = [put(store.root / f"videos/{number}.mp4", MONTH) for number in range(5)]
    store.needed = needing({f"videos/{number}.mp4" for number in range(5)})
    assert not await store.make_room()

    async def unknown() -> Collection[str]:
        raise StorageUnavailable("away")

    store.needed = unknown
    with pytest.raises(StorageUnavailable):
        await store.make_room()
    with pytest.raises(StorageUnavailable):
        await store.clean(NOW, timedelta(days=1))
    assert all(path.exists() for path in files)


async def test_whether_a_video_can_be_kept_is_seen_by_writing(
    store: DiskMediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await store.can_keep()
    assert list((store.root / "scratch").iterdir()) == []
    (store.root / "scratch").rename(store.root / "away")
    assert not await store.can_keep()
    made: list[bool] = []

    async def make_room() -> bool:
        (store.root / "away").rename(store.root / "scratch")
        made.append(True)
        return True

    monkeypatch.setattr(store, "make_room", make_room)
    assert await store.can_keep()
    assert made == [True]


async def test_work_goes_on_within_its_budget_and_in_order() -> None:
    budget, order = Budget(10), list[str]()
    release = {name: asyncio.Event() for name in ("a", "b", "huge", "c")}

    async def work(name: str, size: int) -> None:
        async with budget.spend(size):
            order.append(name)
            await release[name].wait()

    async with asyncio.TaskGroup() as group:
        for name, size in (("a", 6), ("b", 4), ("huge", 99), ("c", 1)):
            group.create_task(work(name, size))
        await turns()
        assert order == ["a", "b"]
        release["a"].set()
        await turns()
        assert order == ["a", "b"]  # the next in line needs all of it
        release["b"].set()
        await turns()
        assert order == ["a", "b", "huge"]
        release["huge"].set()
        release["c"].set()
    assert order == ["a", "b", "huge", "c"]


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


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


async def test_a_full_disk_is_reported_as_such(
    store: DiskMediaStore, incoming: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(url: str, destination: Path, max_bytes: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_fetch", full)
    with pytest.raises(MediaError) as reported:
        await store.take(incoming("photo.jpg"), kinds=[MediaKind.IMAGE])
    assert reported.value.code is Code.INTERNAL
    assert reported.value.facts == {"reason": "disk_full", "errno": errno.ENOSPC}


async def test_a_result_that_is_not_there_is_our_own_fault(store: DiskMediaStore) -> None:
    with pytest.raises(MediaError) as reported:
        await store.adopt(GenerationId("nothing"), "00")
    assert reported.value.facts == {"reason": "disk", "errno": errno.ENOENT}


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
