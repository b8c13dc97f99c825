"""A member's past videos: pages, details, and deletion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from bot.domain.access import Viewer, may_change, may_see
from bot.domain.errors import Code, MediaError, PostError, Refused, Superseded
from bot.domain.generation import Generation, LiveStatus, State
from bot.domain.ids import GenerationId, GuildId, UserId
from bot.domain.media import FittedMedia, StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.media import MediaStore
from bot.domain.ports.messenger import Messenger
from bot.domain.ports.storage import Storage, Transaction

log = structlog.get_logger(__name__)

SEEN_TIMES, SEEN_SECONDS = 5, 0.1


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """One page of ended generations, the newest first; ``page`` counts from 0."""

    items: Sequence[Generation]
    page: int
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class History:
    """Reads and deletes past generations."""

    storage: Storage
    media: MediaStore
    clock: Clock
    messenger: Messenger

    async def page(
        self, viewer: Viewer, *, of: UserId, page: int = 0, size: int = 5
    ) -> HistoryPage:
        """Return one page of a member's generations in this server.

        Raises:
            Refused: NOT_YOURS if the viewer is neither that member nor a moderator.
        """
        if of != viewer.user_id and not viewer.moderator:
            raise Refused(Code.NOT_YOURS)
        if page == 0:
            await self._written_down(viewer.guild_id, of)
        found = await self.storage.read(
            lambda tx: tx.generations.ended_of(
                viewer.guild_id, of, limit=size + 1, offset=page * size
            )
        )
        seen = [g for g in found[:size] if may_see(g, viewer.user_id, viewer.guild_id)]
        return HistoryPage(items=seen, page=page, has_more=len(found) > size)

    async def details(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Return one generation in any state.

        Raises:
            Refused: NOT_FOUND.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        if found is None or not may_see(found, viewer.user_id, viewer.guild_id):
            raise Refused(Code.NOT_FOUND)
        return found

    async def copy(
        self, generation_id: GenerationId, *, viewer: Viewer, max_bytes: int
    ) -> tuple[Generation, FittedMedia]:
        """Return a finished video's file, small enough to be posted.

        Raises:
            Refused: NOT_FOUND, NOT_FINISHED, NOT_KEPT, FILE_NOT_KEPT (past its retention), or why
                it cannot be made small enough now.
        """
        found = await self.details(generation_id, viewer=viewer)
        if found.pruned_at is not None and found.deleted_at is None:
            raise Refused(Code.NOT_KEPT)
        if found.file is None or found.deleted_at is not None:
            raise Refused(Code.NOT_FINISHED)
        try:
            return found, await self.media.fit(found.file, max_bytes=max_bytes)
        except MediaError as error:
            gone = error.code is Code.RESULT_GONE
            raise Refused(Code.FILE_NOT_KEPT if gone else error.code, **error.facts) from error

    async def delete(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Delete a video permanently: its files, its prompt, the request body and every link.

        The files are deleted first, so that an interrupted deletion can be repeated. The caller
        deletes the message.

        Raises:
            Refused: NOT_FOUND, NOT_YOURS, or NOT_FINISHED.
        """
        found = await self.details(generation_id, viewer=viewer)
        if not may_change(found, viewer):
            raise Refused(Code.NOT_YOURS)
        for _ in range(SEEN_TIMES):
            if found.state is not State.POSTING:
                break
            # Users can see a video just before it is recorded as delivered.
            await self.clock.sleep(SEEN_SECONDS)
            found = await self.details(generation_id, viewer=viewer)
        if not found.ended:
            raise Refused(Code.NOT_FINISHED)
        if found.deleted_at is not None:
            return found
        for media in await self._files(found):
            await self.media.discard(media)

        async def work(tx: Transaction) -> Generation:
            fresh = await tx.generations.get(generation_id) or found
            if fresh.deleted_at is not None:
                return fresh
            deleted = replace(fresh, deleted_at=self.clock.now())
            return await tx.generations.erase(await tx.generations.save(fresh, deleted))

        try:
            return await self.storage.transact(work)
        except Superseded:  # it was changed elsewhere at the same moment
            return await self.storage.transact(work)

    async def _files(self, generation: Generation) -> list[StoredMedia]:
        """Delete its video, and its input files unless another generation uses them."""
        given = generation.request.files
        shared = await self.storage.read(
            lambda tx: tx.generations.used_inputs(
                [media.path for media in given], by_others_than=generation.id
            )
        )
        own = [media for media in given if media.path not in shared]
        return own if generation.file is None else [generation.file, *own]

    async def tell_deleted(self, generation: Generation) -> None:
        """Show in the status message that the video is deleted, if that is possible."""
        try:
            await self.messenger.update_status(generation, LiveStatus())
        except PostError as error:
            log.info("deletion_not_shown", generation=generation.id, error=str(error))

    async def _written_down(self, guild_id: GuildId, of: UserId) -> None:
        """Wait briefly for a video that users may see already."""
        for _ in range(SEEN_TIMES):
            open_ones = await self.storage.read(lambda tx: tx.generations.open_of(guild_id, of))
            if all(generation.state is not State.POSTING for generation in open_ones):
                return
            await self.clock.sleep(SEEN_SECONDS)
