"""Walking a story with crashes on the way: people act, lives end and begin, the outcome is checked.

Owns the driving. What the stories are stands in ``stories``, what must hold in ``simulation``.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.errors import Refused, StorageUnavailable
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId
from bot.domain.request import VideoRequest
from bot.engine.context import Policy
from bot.services.admission import GenerationRequest
from tests.reliability.inline import fresh_folder, inline_sqlite
from tests.reliability.points import Crash
from tests.reliability.simulation import CHANNEL, GUILD, POLICY, TOM, Life, World
from tests.reliability.state_hash import numbered_ids

Act = Callable[["Walk", Life], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Something a person does when it is time, and again until they got an answer."""

    act: Act
    when: Callable[[Sequence[Generation]], bool] = lambda _: True


@dataclass(frozen=True, kw_only=True)
class Story:
    """One path: what the world is like, what people do, how each generation may end.

    ``before`` is over before the points are counted. ``also`` finds further faults in the end.
    ``hears``: its bots take replies. ``late``: a video may come when all was over, in a generation
    of its own; it is waited for until ``over``.
    """

    name: str
    deeds: Sequence[Deed]
    ends: Sequence[frozenset[State]]
    world: Callable[[World], None] = lambda _: None
    before: Sequence[Deed] = ()
    policy: Policy = POLICY
    late: bool = False
    hears: bool = False
    over: Callable[["Walk", Sequence[Generation]], bool] = lambda _, __: True
    also: Callable[["Walk", Sequence[Generation]], list[str]] = lambda _, __: []


class SeenBeforeError(Exception):
    """From here on, everything is as in an earlier walk."""


@dataclass(kw_only=True)
class Walk:
    """One walk. ``answers`` are what the deeds were told, ``asked`` what they asked for, each by
    the deed's number; ``left`` is the state in which the last crash left the world.

    ``known`` are the states from which walks went on to their end, with no crash left.
    """

    story: Story
    world: World
    crashes: Iterator[Crash]
    workers: int = 1
    known: Collection[bytes] = ()
    left: bytes | None = None
    answers: list[Any] = field(default_factory=list)
    asked: dict[int, GenerationId] = field(default_factory=dict)

    async def go(self) -> list[str]:
        """Walk to the end; what was wrong there."""
        life = await self.world.boot(alone=self.workers == 1)
        life.process.counting = False
        life = await self._through(life, self.story.before)
        for _ in range(self.workers - 1):
            await self.world.boot(alone=False)
        life.process.counting = True
        life.process.crash = next(self.crashes, None)
        life = await self._through(life, self.story.deeds)
        wrongs = await self.world.wrongs_in_the_end()
        rows = await self.world.rows()
        wrongs += await self.world.miscounted(rows)
        asked = [row for row in rows if not (self.story.late and row.late)]
        for row, ends in zip(asked[len(self.story.before) :], self.story.ends, strict=True):
            if row.state not in ends:
                wrongs.append(f"{row.id} ended {row.state} ({row.failure})")
        return wrongs + self.story.also(self, rows)

    async def _through(self, life: Life, deeds: Sequence[Deed]) -> Life:
        left = list(deeds)
        acting: asyncio.Task[Any] | None = None
        while True:
            await self.world.settle()
            if not life.process.alive:
                await life.process.buried()
            if acting is not None and acting.done():
                if not acting.cancelled():
                    self.answers.append(acting.result())
                    left.pop(0)
                acting = None
            elif not life.process.alive:
                life = await self._restarted(life)
            elif acting is None and left and left[0].when(await self.world.rows()):
                acting = life.process.start(self._act(left[0], life))
            elif not left and self.world.resting() and await self._over():
                return life
            else:
                await self.world.tick()

    async def _over(self) -> bool:
        return not self.story.late or self.story.over(self, await self.world.rows())

    async def _restarted(self, life: Life) -> Life:
        assert life.process.crash is not None
        away = life.process.crash.away
        await self.world.bury(life)
        await self.world.pass_time(away)
        crash = next(self.crashes, None)
        if crash is None:
            self.left = self.world.state(self.story, self.answers, self.asked)
            if self.left in self.known:
                raise SeenBeforeError
        return await self.world.boot(crash)

    async def _act(self, deed: Deed, life: Life) -> Any:
        while True:
            try:
                return await deed.act(self, life)
            except Refused as refused:
                return refused
            except StorageUnavailable:
                # Told that it did not work, a person tries again after a moment.
                await self.world.clock.sleep(1.0)


def ask(request: VideoRequest, *, parent: int | None = None, private: bool = False) -> Act:
    """Ask for a video, or for another version of an earlier one."""

    async def act(walk: Walk, life: Life) -> State:
        receipt = await life.generate.request(
            GenerationRequest(
                request_key=f"interaction:{len(walk.answers)}",
                requester_id=TOM,
                guild_id=GUILD,
                channel_id=CHANNEL,
                thread_id=None,
                private=private,
                locale="en-US",
                request=request,
                parent_id=None if parent is None else walk.asked[parent],
            )
        )
        walk.asked[len(walk.answers)] = receipt.generation.id
        return receipt.generation.state

    return act


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What came of a walk: the points of each life, in order, and what was wrong.

    ``left`` is the state in which the last crash left the world, ``end`` that at the end. Either is
    None while a request is on its way. ``seen_before``: the walk was left at its last restart.
    """

    lives: Sequence[Sequence[str]]
    wrongs: Sequence[str]
    left: bytes | None
    end: bytes | None
    seen_before: bool = False


async def _walk(
    story: Story,
    crashes: Sequence[Crash],
    folder: Path,
    workers: int,
    known: Collection[bytes] | None,
) -> Walked:
    world = World(folder=folder, policy=story.policy, keeps_house=story.late, hears=story.hears)
    story.world(world)
    walk = Walk(
        story=story,
        world=world,
        crashes=iter(crashes),
        workers=workers,
        known=known or (),
    )
    wrongs: Sequence[str] = ()
    seen_before = False
    with numbered_ids(world.number):
        try:
            wrongs = await walk.go()
        except SeenBeforeError:
            seen_before = True
        finally:
            for life in list(world.lives):
                await world.bury(life)
            for late in world.late:
                late.cancel()
    return Walked(
        lives=world.points,
        wrongs=wrongs,
        left=walk.left,
        end=None if seen_before or known is not None else world.state(),
        seen_before=seen_before,
    )


def walked(
    story: Story, *crashes: Crash, workers: int = 1, known: Collection[bytes] | None = None
) -> Walked:
    """Walk a story in a world of its own; the first of several workers has the crashes.

    The walk is left where it comes to a ``known`` state with no crash to come; with those, its end
    is checked and not kept.
    """
    with inline_sqlite():
        return asyncio.run(_walk(story, crashes, fresh_folder(), workers, known))
