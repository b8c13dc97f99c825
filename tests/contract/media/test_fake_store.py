"""What the engine relies on in a media store: the same rules for the real one and for the fake."""

import hashlib
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError
from bot.domain.ids import GenerationId
from bot.domain.media import FitStep, StoredMedia
from bot.domain.ports.media import MediaStore
from tests.fakes.ports import FakeMedia

ID = GenerationId("0123456789abcdefghij")
UNPLAYABLE = b"<html>an error page</html>"


@pytest.fixture(params=["real", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    if request.param == "real":
        return request.getfixturevalue("store")
    return FakeMedia(tmp_path, unplayable=UNPLAYABLE)


async def adopt(store: MediaStore, data: bytes) -> StoredMedia:
    store.partial_path(ID).write_bytes(data)
    return await store.adopt(ID, hashlib.sha256(data).hexdigest())


async def test_an_adopted_file_is_kept_with_its_size_and_hash(
    subject: MediaStore, files: Path
) -> None:
    data = (files / "clip.mp4").read_bytes()
    media = await adopt(subject, data)
    assert not subject.partial_path(ID).exists()
    assert subject.path_of(media).read_bytes() == data
    assert (media.size, media.sha256) == (len(data), hashlib.sha256(data).hexdigest())


async def test_what_is_no_video_is_broken_and_never_kept(subject: MediaStore) -> None:
    with pytest.raises(MediaError) as caught:
        await adopt(subject, UNPLAYABLE)
    assert caught.value.code is Code.RESULT_BROKEN
    assert not list(subject.partial_path(ID).parent.rglob("*.mp4"))


async def test_a_file_within_the_limit_is_posted_as_it_is(subject: MediaStore, files: Path) -> None:
    media = await adopt(subject, (files / "clip.mp4").read_bytes())
    fitted = await subject.fit(media, max_bytes=media.size)
    assert (fitted.step, fitted.size) == (FitStep.ORIGINAL, media.size)
    assert Path(fitted.path).read_bytes() == subject.path_of(media).read_bytes()


async def test_a_discarded_file_is_gone_and_discarding_again_is_no_error(
    subject: MediaStore, files: Path
) -> None:
    media = await adopt(subject, (files / "clip.mp4").read_bytes())
    await subject.discard(media)
    await subject.discard(media)
    assert not subject.path_of(media).exists()


async def test_a_disk_with_space_can_keep_a_video(subject: MediaStore) -> None:
    assert await subject.can_keep()
