"""A member's past videos: pages, details, and their files."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.access import Viewer, check_history, may_see, visible
from bot.domain.errors import Code, MediaError, Refused
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, GuildId, UserId
from bot.domain.media import FittedMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.media import MediaStore
from bot.domain.ports.storage import Storage

SEEN_TIMES, SEEN_SECONDS = 5, 0.1


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """One page of ended generations, the newest first; ``page`` counts from 0."""

    items: Sequence[Generation]
    page: int
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class History:
    """Reads past generations."""

    storage: Storage
    media: MediaStore
    clock: Clock

    async def page(
        self, viewer: Viewer, *, of: UserId, page: int = 0, size: int = 5
    ) -> HistoryPage:
        """Return one page of a member's generations in this server.

        Raises:
            Refused: NOT_YOURS if the viewer is neither that member nor a moderator.
        """
        check_history(viewer, of)
        if page == 0:
            await self._written_down(viewer.guild_id, of)
        found = await self.storage.read(
            lambda tx: tx.generations.ended_of(
                viewer.guild_id, of, limit=size + 1, offset=page * size
            )
        )
        seen = [g for g in found[:size] if may_see(g, viewer)]
        return HistoryPage(items=seen, page=page, has_more=len(found) > size)

    async def details(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Return one generation in any state.

        Raises:
            Refused: NOT_FOUND.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        return visible(found, viewer)

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

    async def _written_down(self, guild_id: GuildId, of: UserId) -> None:
        """Wait briefly for a video that users may see already."""
        for _ in range(SEEN_TIMES):
            open_ones = await self.storage.read(lambda tx: tx.generations.open_of(guild_id, of))
            if all(generation.state is not State.POSTING for generation in open_ones):
                return
            await self.clock.sleep(SEEN_SECONDS)
