"""Deleting a video removes its message, its files and its content, for those who may."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.access import Viewer
from bot.domain.errors import Accepted, Code, PostError, Refused, Superseded
from bot.domain.generation import Generation, State
from bot.domain.ids import DIRECT, GenerationId, GuildId, UserId
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.request import VideoRequest
from bot.engine.pruning import Pruning
from bot.services.delete import Delete, DeletionReason
from tests.contract.storage.samples import raw
from tests.unit.services.conftest import GUILD, TOM, World

MONTH = timedelta(days=30)
ANA = UserId(2)
REQUESTER = Viewer(user_id=TOM, guild_id=GUILD)
MODERATOR = Viewer(user_id=ANA, guild_id=GUILD, moderator=True)


def delete_of(world: World) -> Delete:
    return Delete(
        storage=world.storage, media=world.media, clock=world.clock, messenger=world.messenger
    )


async def delete(world: World, made: Generation, viewer: Viewer = REQUESTER) -> bool:
    return await delete_of(world).video(made.id, viewer=viewer, reason=DeletionReason.BUTTON)


def picture(world: World, name: str) -> StoredMedia:
    (world.media.folder / name).write_bytes(b"a picture")
    return StoredMedia(
        kind=MediaKind.IMAGE, path=name, mime="image/png", size=9, sha256="0", width=1, height=1
    )


async def delivered(world: World, **changes: Any) -> Generation:
    worker = world.workers[0] if world.workers else world.start()
    receipt = await world.ask(worker, VideoRequest(prompt="a secret", **changes))
    await world.until_state(receipt.generation.id, State.DELIVERED)
    await world.until_over()
    return await world.row(receipt.generation.id)


async def audited(world: World) -> list[Any]:
    return await world.storage.read(
        raw("SELECT actor_id, action, subject, details FROM audit ORDER BY id")
    )


async def test_deleting_removes_every_file_that_nobody_else_uses(world: World) -> None:
    shared = picture(world, "shared.png")
    other = await delivered(world, images=(shared,))
    made = await delivered(world, images=(shared,))
    assert await delete(world, made)
    assert {path.name for path in world.media.folder.iterdir()} == {
        "shared.png",
        f"{other.id}.mp4",
    }
    row = await world.row(made.id)
    assert row.deleted_at is not None
    assert (row.request, row.task, row.result, row.file) == (VideoRequest(), None, None, None)
    await delete(world, other)
    assert list(world.media.folder.iterdir()) == []


async def test_deleting_removes_the_message_and_shows_it_in_the_status(world: World) -> None:
    made = await delivered(world)
    world.messenger.shown.clear()
    assert await delete(world, made)
    assert made.posting is not None
    assert world.messenger.deleted == [made.posting.nonce]
    assert [shown[0] for shown in world.messenger.shown] == [made.id]


async def test_a_message_that_discord_keeps_is_reported_and_tried_again(world: World) -> None:
    made = await delivered(world)
    world.messenger.deletable = False
    assert not await delete(world, made)
    assert (await world.row(made.id)).deleted_at is not None
    world.messenger.deletable = True
    assert await delete(world, made)
    assert len(world.messenger.deleted) == 1


async def test_a_status_that_cannot_show_it_is_no_error(world: World) -> None:
    made = await delivered(world)

    async def refuse(*_: object) -> None:
        raise PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO)

    world.messenger.update_status = refuse  # pyright: ignore[reportAttributeAccessIssue]
    assert await delete(world, made)


async def test_deleting_again_finishes_what_a_full_disk_interrupted(world: World) -> None:
    made = await delivered(world)
    discard, faults = world.media.discard, [OSError(5, "no")]

    async def failing(media: StoredMedia) -> None:
        if faults:
            raise faults.pop()
        await discard(media)

    world.media.discard = failing  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(OSError, match="no"):
        await delete(world, made)
    assert (await world.row(made.id)).deleted_at is None
    assert world.messenger.deleted == []
    assert await delete(world, made)
    assert (await world.row(made.id)).deleted_at is not None


async def test_a_row_that_changes_at_the_same_moment_is_deleted_all_the_same(world: World) -> None:
    made = await delivered(world)
    transact, faults = world.storage.transact, [Superseded()]

    async def changed(work: Any) -> Any:
        if faults:
            raise faults.pop()
        return await transact(work)

    world.storage.transact = changed  # pyright: ignore[reportAttributeAccessIssue]
    assert await delete(world, made)
    assert (await world.row(made.id)).deleted_at is not None


async def test_a_pruned_video_can_still_be_deleted(world: World) -> None:
    made = await delivered(world)
    world.clock.ahead = MONTH.total_seconds() + 1
    await Pruning(storage=world.storage, clock=world.clock, retention=MONTH).look()
    assert await delete(world, made)
    row = await world.row(made.id)
    assert row.deleted_at is not None
    assert row.posting == made.posting


async def test_a_moderators_deletion_is_in_the_audit_trail_and_ones_own_is_not(
    world: World,
) -> None:
    mine, other = await delivered(world), await delivered(world)
    await delete(world, mine)
    assert await audited(world) == []
    await delete(world, other, MODERATOR)
    await delete(world, other, MODERATOR)
    assert await audited(world) == [(ANA, "video.delete", other.id, '{"reason":"button"}')]


async def test_the_requester_may_delete_from_a_direct_message(world: World) -> None:
    made = await delivered(world)
    assert await delete(world, made, replace(REQUESTER, guild_id=DIRECT))


@pytest.mark.parametrize(
    ("viewer", "code"),
    [
        (replace(MODERATOR, moderator=False), Code.NOT_YOURS),
        (replace(MODERATOR, guild_id=GuildId(7)), Code.NOT_FOUND),
        (replace(MODERATOR, guild_id=DIRECT), Code.NOT_FOUND),
    ],
)
async def test_others_may_neither_delete_nor_be_asked(
    world: World, viewer: Viewer, code: Code
) -> None:
    made = await delivered(world)
    with pytest.raises(Refused) as asked:
        await delete_of(world).check(made.id, viewer=viewer)
    with pytest.raises(Refused) as deleted:
        await delete(world, made, viewer)
    assert (asked.value.code, deleted.value.code) == (code, code)
    assert world.messenger.deleted == []
    assert await world.row(made.id) == made


async def test_what_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await delete_of(world).check(GenerationId("0" * 20), viewer=MODERATOR)
    assert refused.value.code is Code.NOT_FOUND
