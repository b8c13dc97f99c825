"""While our own disk is full nothing is begun; as soon as there is room, everything goes on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bot.domain.errors import Code, MediaError, Refused
from bot.domain.generation import State
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
from bot.engine.room import Room
from bot.services.attachments import Intake
from tests.fakes.ports import FakeMedia, FakeMessenger
from tests.fakes.services import video_file
from tests.unit.services.conftest import World

FULL = MediaError(Code.INTERNAL, reason="disk_full")
FILES = [IncomingFile(url="https://x", name=name, size=1) for name in ("a.png", "b.png")]


@dataclass
class Attached(FakeMedia):
    """Takes files in unless its disk is full; ``looks`` counts how often the disk was tried."""

    error: MediaError = FULL
    fetched: list[str] = field(default_factory=list[str])
    looks: int = 0

    async def take(self, file: IncomingFile, *, kinds: Sequence[MediaKind]) -> StoredMedia:
        self.fetched.append(file.name)
        if self.full_disk:
            raise self.error
        return video_file(kind=kinds[0], name=file.name)

    async def can_keep(self) -> bool:
        self.looks += 1
        await asyncio.sleep(0)
        return await super().can_keep()


async def refusal(intake: Intake) -> Code:
    with pytest.raises(Refused) as caught:
        await intake.take(FILES, kinds=[MediaKind.IMAGE])
    return caught.value.code


@pytest.mark.parametrize("reason", ["disk_full", "disk"])
async def test_files_are_refused_truly_and_at_once_until_there_is_room(
    world: World, reason: str
) -> None:
    error = MediaError(Code.INTERNAL, reason=reason)
    media = Attached(world.media.folder, full_disk=True, error=error)
    messenger = FakeMessenger()
    intake = Intake(media=media, room=Room(media=media, messenger=messenger))
    assert await refusal(intake) is Code.NO_ROOM
    assert set(messenger.alerts) == {Code.DISK}
    media.fetched.clear()
    assert await refusal(intake) is Code.NO_ROOM
    with pytest.raises(Refused) as caught:
        await intake.pick(FILES, kind=MediaKind.IMAGE, most=1)
    assert caught.value.code is Code.NO_ROOM
    assert media.fetched == []
    media.full_disk, media.looks = False, 0
    assert len(await intake.take(FILES, kinds=[MediaKind.IMAGE])) == 2
    await intake.take(FILES, kinds=[MediaKind.IMAGE])
    assert media.looks == 1


async def test_a_worker_that_does_not_start_is_not_a_full_disk(world: World) -> None:
    error = MediaError(Code.INTERNAL, reason="media_worker")
    media = Attached(world.media.folder, full_disk=True, error=error)
    messenger = FakeMessenger()
    intake = Intake(media=media, room=Room(media=media, messenger=messenger))
    with pytest.raises(MediaError) as caught:
        await intake.take(FILES, kinds=[MediaKind.IMAGE])
    assert caught.value is error
    assert messenger.alerts == []


async def test_no_video_is_paid_for_while_its_result_could_not_be_kept(world: World) -> None:
    worker = world.start()
    receipt = await world.ask(worker)
    world.media.full_disk = True
    world.media.adopt_faults += [FULL] * 3
    await world.until(lambda: Code.DISK in world.messenger.alerts)
    posts, used = len(world.evolink.tasks), await world.usage()
    with pytest.raises(Refused) as caught:
        await world.ask(worker)
    assert caught.value.code is Code.NO_ROOM
    assert (len(world.evolink.tasks), await world.usage()) == (posts, used)
    world.media.full_disk = False
    later = await world.ask(worker)
    await world.until_over()
    assert await world.state(receipt.generation.id) is State.DELIVERED
    assert await world.state(later.generation.id) is State.DELIVERED


async def test_what_makes_room_is_tried_before_anyone_is_alerted(world: World) -> None:
    worker = world.start()
    receipt = await world.ask(worker)
    made: list[bool] = []

    async def make_room() -> bool:
        made.append(True)
        return True

    world.media.make_room = make_room
    world.media.adopt_faults.append(FULL)
    await world.until_over()
    assert await world.state(receipt.generation.id) is State.DELIVERED
    assert (made, world.messenger.alerts) == ([True], [])


async def test_a_copy_that_cannot_be_kept_is_our_disk_too(world: World) -> None:
    worker = world.start()
    await world.ask(worker)
    world.media.full_disk = True
    world.media.fit_faults.append(FULL)
    await world.until(lambda: Code.DISK in world.messenger.alerts)
    with pytest.raises(Refused):
        await world.ask(worker)
