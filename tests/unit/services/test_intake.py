"""Files of a message that was pointed at: their content decides which of them are meant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile, MediaStore
from bot.engine.room import Room
from bot.services.attachments import Intake
from tests.fakes.ports import FakeMessenger
from tests.fakes.services import video_file

IMAGE, VIDEO = MediaKind.IMAGE, MediaKind.VIDEO


@dataclass
class Contents:
    """What is really in each file: a kind, or why it cannot be used."""

    known: dict[str, MediaKind | Code]
    fetched: list[str] = field(default_factory=list[str])

    async def take(self, file: IncomingFile, *, kinds: Sequence[MediaKind]) -> StoredMedia:
        self.fetched.append(file.name)
        found = self.known[file.name]
        if isinstance(found, Code):
            raise Refused(found, name=file.name)
        if found not in kinds:
            raise Refused(Code.MEDIA_TYPE, name=file.name)
        return video_file(kind=found, name=file.name)


async def picked(contents: Contents, kind: MediaKind, most: int = 10) -> list[str]:
    files = [IncomingFile(url="https://x", name=name, size=1) for name in contents.known]
    media = cast(MediaStore, contents)
    intake = Intake(media=media, room=Room(media=media, messenger=FakeMessenger()))
    taken = await intake.pick(files, kind=kind, most=most)
    assert all(file.name == media.name for file, media in taken)
    return [media.name for _, media in taken]


async def test_only_what_is_of_that_kind_is_taken() -> None:
    contents = Contents(
        {"a.mp4": IMAGE, "b": IMAGE, "c.png": VIDEO, "big.zip": Code.MEDIA_TOO_LARGE}
    )
    assert await picked(contents, IMAGE) == ["a.mp4", "b"]
    assert await picked(contents, VIDEO) == ["c.png"]


async def test_nothing_more_is_fetched_than_is_needed() -> None:
    contents = Contents({"a.png": IMAGE, "b": VIDEO, "c.mp4": VIDEO})
    assert await picked(contents, VIDEO, most=1) == ["b"]
    assert contents.fetched == ["a.png", "b"]


@pytest.mark.parametrize(
    ("known", "code", "name"),
    [
        ({"a.txt": IMAGE, "b.png": IMAGE}, Code.MEDIA_TYPE, "a.txt"),
        ({"a": VIDEO, "b.mp4": Code.MEDIA_BROKEN}, Code.MEDIA_BROKEN, "b.mp4"),
        ({"a": VIDEO, "b.mp4": Code.MEDIA_TOO_LARGE}, Code.MEDIA_TOO_LARGE, "b.mp4"),
        ({"a": Code.MEDIA_UNAVAILABLE, "b": VIDEO}, Code.MEDIA_UNAVAILABLE, "a"),
    ],
)
async def test_a_video_that_cannot_be_used_is_not_passed_over(
    known: dict[str, MediaKind | Code], code: Code, name: str
) -> None:
    with pytest.raises(Refused) as caught:
        await picked(Contents(known), VIDEO)
    assert (caught.value.code, caught.value.facts["name"]) == (code, name)
