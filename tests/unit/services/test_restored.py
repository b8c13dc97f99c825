"""A database restored from a copy is behind the world: what was posted or paid since is found."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.domain.generation import Generation, Posting, State, Target
from bot.storage import backup, open_storage
from tests.fakes.ports import FakeMessenger, WatchedStorage
from tests.unit.services.conftest import World


@dataclass
class Forgetful(FakeMessenger):
    """Discord some minutes later: a nonce no longer keeps a message from being posted again."""

    async def post_video(
        self, generation: Generation, posting: Posting, file: Path, **more: object
    ) -> Posting:
        self.videos.append((generation.id, posting.target, posting.nonce))
        return self._posted(posting)

    async def find_video(
        self, generation: Generation, target: Target, **_: object
    ) -> Posting | None:
        for generation_id, where, nonce in self.videos:
            if (generation_id, where) == (generation.id, target) and generation.posting:
                assert nonce == generation.posting.nonce
                return self._posted(generation.posting)
        return None


async def restored(world: World, copy: Path) -> None:
    """Put the copy where the database was, as docs/howto/backup.md says."""
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    storage = open_storage(f"sqlite:///{copy}", clock=world.clock)
    await storage.start()
    world.storage = WatchedStorage(storage)


async def test_what_was_delivered_since_the_copy_is_found_not_posted_again(
    world: World, folder: Path, tmp_path: Path
) -> None:
    world.messenger = Forgetful()
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    copy = tmp_path / "copy.db"
    await backup(f"sqlite:///{folder}/retake.db", copy)
    await world.until_over()
    assert len(world.messenger.videos) == 1
    await world.kill(worker)

    before, posts = world.storage, world.evolink.posts
    await restored(world, copy)
    world.clock.seconds += 3600
    world.start()
    assert await world.state(generation.id) is State.RUNNING
    await world.until_state(generation.id, State.DELIVERED)
    await world.until_over()

    assert len(world.messenger.videos) == 1
    assert world.evolink.posts == posts
    assert await world.faults() == []
    for worker in list(world.workers):
        await world.kill(worker)
    await world.storage._storage.close()  # pyright: ignore[reportAttributeAccessIssue]
    world.storage = before


async def test_what_was_not_posted_before_the_loss_is_posted_after_it(
    world: World, folder: Path, tmp_path: Path
) -> None:
    world.messenger = Forgetful()
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    copy = tmp_path / "copy.db"
    await backup(f"sqlite:///{folder}/retake.db", copy)
    await world.kill(worker)

    before = world.storage
    await restored(world, copy)
    world.start()
    await world.until_state(generation.id, State.DELIVERED)
    assert len(world.messenger.videos) == 1
    for worker in list(world.workers):
        await world.kill(worker)
    await world.storage._storage.close()  # pyright: ignore[reportAttributeAccessIssue]
    world.storage = before
