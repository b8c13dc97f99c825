"""People, providers, Discord, crashes and a second worker in any order: the books stay right.

Hypothesis chooses what happens next; after every step nothing may be paid or posted twice, and
everybody's usage is what the generations say. In the end all is finished and told.
"""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from bot.domain.errors import Code, Refused
from bot.domain.ids import GenerationId, TaskId, UserId
from bot.domain.limits import LimitRule, Limits, Scope
from bot.domain.ports.provider import TaskReport, TaskState
from bot.domain.request import Operation, VideoRequest
from bot.services.admission import GenerationRequest
from tests.fakes.providers import refusal
from tests.reliability.inline import fresh_folder, inline_sqlite
from tests.reliability.points import Crash, Moment
from tests.reliability.simulation import CHANNEL, GUILD, POLICY, Life, World

T = TypeVar("T")
LONG = os.environ.get("RETAKE_LONG") == "1"

ADMIN = UserId(9)
PEOPLE = st.sampled_from([UserId(1), UserId(2)])
SECONDS = st.sampled_from([0.5, 3.0, 20.0, 40.0, 70.0, 400.0])
QUOTA = {Code.QUOTA_VIDEOS, Code.QUOTA_CONCURRENT}


class Lifecycle(RuleBasedStateMachine):
    """One world, up to two workers, two people and an administrator."""

    generations: Bundle[GenerationId] = Bundle("generations")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(inline_sqlite())
        self.runner = self.stack.enter_context(asyncio.Runner())
        limits = Limits(videos=6, concurrent=3)
        self.world = World(folder=fresh_folder(), policy=replace(POLICY, limits=limits))
        self.limit = 6
        self.asked: dict[GenerationId, UserId] = {}
        self.since_reset: dict[UserId, set[GenerationId]] = {UserId(1): set(), UserId(2): set()}
        self.requested = 0
        self.alone = True

    # -- driving ------------------------------------------------------------------------------

    def run(self, work: Awaitable[T]) -> T:
        async def inside() -> T:
            return await work

        return self.runner.run(inside())

    async def pass_time(self, seconds: float) -> None:
        """Time goes on; a worker that died is back after its absence."""
        until = self.world.clock.seconds + seconds
        await self.world.settle()
        await self._revive()
        while (due := self.world.clock.next_due()) is not None and due <= until:
            self.world.clock.ring_next()
            await self.world.settle()
            await self._revive()
        self.world.clock.seconds = max(self.world.clock.seconds, until)

    async def _revive(self) -> None:
        for life in list(self.world.lives):
            if not life.process.alive:
                await self.world.bury(life)
                if self.alone and life.process.crash is not None:
                    self.world.clock.seconds += life.process.crash.away
        if not self.world.lives:
            await self.world.boot(alone=self.alone)
            await self.world.settle()

    async def in_a_life(self, act: Callable[[Life], Awaitable[T]]) -> T | Refused | None:
        """Somebody presses something; None when the worker died before it answered."""
        await self._revive()
        life = self.world.lives[-1]
        if not life.process.going.is_set():
            return None

        async def answered() -> T | Refused:
            try:
                return await act(life)
            except Refused as refused:
                return refused

        pressed = life.process.start(answered())
        await self.world.settle()
        if not pressed.done():
            # The request waits for time to pass, or the process died in the middle of it.
            pressed.cancel()
            await asyncio.wait([pressed])
        life.process.tasks.discard(pressed)
        return None if pressed.cancelled() else pressed.result()

    # -- rules --------------------------------------------------------------------------------

    @initialize(alone=st.booleans(), latency=st.sampled_from([0.0, 2.0]))
    def begin(self, alone: bool, latency: float) -> None:
        self.alone = alone
        for wire in (self.world.evolink, self.world.apimart, self.world.discord):
            wire.latency = latency
        self.world.disk.fit_seconds = 45.0
        self.run(self._revive())

    @rule(target=generations, person=PEOPLE)
    def ask(self, person: UserId) -> Any:
        return self._ask(person, VideoRequest(prompt="a red kite"), None)

    @rule(target=generations, person=PEOPLE, parent=generations, extend=st.booleans())
    def edit(self, person: UserId, parent: GenerationId, extend: bool) -> Any:
        operation = Operation.EXTEND if extend else Operation.EDIT
        return self._ask(person, VideoRequest(operation=operation, prompt="at night"), parent)

    def _ask(self, person: UserId, request: VideoRequest, parent: GenerationId | None) -> Any:
        self.requested += 1
        asked = GenerationRequest(
            request_key=f"interaction:{self.requested}",
            requester_id=person,
            guild_id=GUILD,
            channel_id=CHANNEL,
            thread_id=None,
            private=False,
            locale="en-US",
            request=request,
            parent_id=parent,
        )
        before = self.run(self._usage(person))
        answer = self.run(self.in_a_life(lambda life: life.generate.request(asked)))
        if isinstance(answer, Refused):
            full = before.videos >= self.limit or before.concurrent >= 3
            assert (answer.code in QUOTA) is full or answer.code in {
                Code.NOT_FINISHED,
                Code.PROVIDER_BALANCE,
            }, f"refused with {answer} at {before} of {self.limit}"
        elif answer is not None:
            assert before.videos < self.limit
            assert before.concurrent < 3
        return self._learned()

    def _learned(self) -> Any:
        """Generations that came into being, whether or not anybody was told."""
        rows = self.run(self.world.rows())
        new = [row for row in rows if row.id not in self.asked]
        for row in new:
            self.asked[row.id] = row.requester_id
            self.since_reset[row.requester_id].add(row.id)
        return multiple(*(row.id for row in new))

    async def _usage(self, person: UserId) -> Any:
        await self._revive()
        return await self.world.usage(person)

    @rule(generation=generations)
    def cancel(self, generation: GenerationId) -> None:
        viewer = self.world.viewer(self.asked[generation])
        self.run(self.in_a_life(lambda life: life.cancel.request(generation, viewer=viewer)))

    @rule(generation=generations)
    def drop(self, generation: GenerationId) -> None:
        viewer = self.world.viewer(self.asked[generation])
        self.run(self.in_a_life(lambda life: life.cancel.drop(generation, viewer=viewer)))

    @rule(generation=generations)
    def keep(self, generation: GenerationId) -> None:
        viewer = self.world.viewer(self.asked[generation])
        self.run(self.in_a_life(lambda life: life.cancel.keep(generation, viewer=viewer)))

    @rule(generation=generations)
    def cancel_somebody_elses(self, generation: GenerationId) -> None:
        viewer = self.world.viewer(UserId(3 - self.asked[generation]))
        answer = self.run(
            self.in_a_life(lambda life: life.cancel.request(generation, viewer=viewer))
        )
        if isinstance(answer, Refused):
            assert answer.code is Code.NOT_YOURS
        else:
            assert answer is None

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.run(self.pass_time(seconds))

    @rule(
        state=st.sampled_from([TaskState.FAILED, TaskState.COMPLETED, TaskState.CANCELLED]),
        provider=st.booleans(),
    )
    def next_task_ends_badly(self, state: TaskState, provider: bool) -> None:
        reported = TaskReport(
            task_id=TaskId("later"),
            state=state,
            error=refusal(Code.MODERATED) if state is TaskState.FAILED else None,
        )
        (self.world.evolink if provider else self.world.apimart).outcomes.append(reported)

    @rule(kind=st.sampled_from(["mute", "deaf", "refuses", "fine"]), seconds=SECONDS)
    def provider_in_trouble(self, kind: str, seconds: float) -> None:
        provider, until = self.world.evolink, self.world.clock.seconds + seconds
        provider.mute = provider.deaf = lambda: False
        provider.refuses = None
        if kind == "refuses":
            provider.refuses = refusal(Code.PROVIDER_UNAVAILABLE, retryable=True, retry_after=20)
        elif kind != "fine":
            setattr(provider, kind, lambda: self.world.clock.seconds < until)

    @rule(keys=st.booleans(), lists=st.booleans())
    def provider_changes(self, keys: bool, lists: bool) -> None:
        """Only while nothing is under way: keys that vanish in between are nobody's promise."""
        if not self.world.unfinished():
            self.world.evolink.supports_idempotency_keys, self.world.evolink.can_list_tasks = (
                keys,
                lists,
            )

    @rule(kind=st.sampled_from(["mute", "away", "threads", "small"]), seconds=SECONDS)
    def discord_in_trouble(self, kind: str, seconds: float) -> None:
        discord, until = self.world.discord, self.world.clock.seconds + seconds
        if kind == "threads":
            discord.delete_threads()
        elif kind == "small":
            discord.limit = 8
        elif kind == "mute":
            discord.mute = lambda _: self.world.clock.seconds < until
        else:
            discord.away = lambda _: self.world.clock.seconds < until

    @rule(videos=st.integers(1, 8))
    def change_limits(self, videos: int) -> None:
        rule = LimitRule(scope=Scope.SERVER, limits=Limits(videos=videos))
        if self._changed(lambda life: life.limits.change(GUILD, ADMIN, rule)):
            self.limit = videos

    @rule(person=PEOPLE)
    def reset(self, person: UserId) -> None:
        if self._changed(lambda life: life.limits.reset(GUILD, ADMIN, person)):
            self.since_reset[person].clear()

    def _changed(self, act: Callable[[Life], Awaitable[Any]]) -> bool:
        """Whether an administrator's change was made, answered or not, by the audit trail."""
        before = self._audited()
        self.run(self.in_a_life(act))
        return self._audited() > before

    def _audited(self) -> int:
        with closing(sqlite3.connect(self.world.folder / "retake.db")) as database:
            (count,) = database.execute("SELECT count(*) FROM audit").fetchone()
        return count

    @rule(
        after=st.integers(1, 12),
        moment=st.sampled_from(list(Moment)),
        away=st.sampled_from([1.0, 90.0, 400.0]),
        which=st.integers(0, 1),
    )
    def crash_soon(self, after: int, moment: Moment, away: float, which: int) -> None:
        life = self.world.lives[which % len(self.world.lives)]
        point = len(life.process.points) + after
        life.process.crash = Crash(point=point, moment=moment, away=away)

    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        self.world.lives[which % len(self.world.lives)].process.die()

    @precondition(lambda self: not self.alone and len(self.world.lives) == 1)
    @rule()
    def second_worker(self) -> None:
        self.run(self.world.boot(alone=False))

    @rule(seconds=SECONDS, which=st.integers(0, 1))
    def freeze(self, seconds: float, which: int) -> None:
        """A worker stands still for a while, as a stopped process does, and goes on."""
        process = self.world.lives[which % len(self.world.lives)].process
        process.going.clear()
        self.run(self.pass_time(seconds))
        process.going.set()
        self.run(self.pass_time(0))

    # -- what must hold -----------------------------------------------------------------------

    @invariant()
    def nothing_is_wrong(self) -> None:
        if not self.world.lives:
            return
        self._learned()
        wrongs = self.run(self._wrongs())
        assert wrongs == []

    async def _wrongs(self) -> list[str]:
        await self._revive()
        wrongs = await self.world.wrongs_now()
        rows = await self.world.rows()
        for person, since in self.since_reset.items():
            mine = [row for row in rows if row.id in since]
            wrongs += await self.world.miscounted(mine, person)
        return wrongs

    def teardown(self) -> None:
        try:
            if self.world.lives:
                self.run(self._to_the_end())
        finally:
            self.run(self._bury_all())
            self.stack.close()

    async def _to_the_end(self) -> None:
        provider, discord = self.world.evolink, self.world.discord
        provider.mute = provider.deaf = lambda: False
        provider.refuses = None
        discord.mute = discord.away = lambda _: False
        for life in self.world.lives:
            life.process.crash = None
        await self._revive()
        until = self.world.clock.seconds + 6 * 3600
        while not self.world.resting():
            await self.world.tick()
            # A blow that was already falling, after an effect under way, may still hit.
            await self._revive()
            left = [row for row in await self.world.rows() if not row.announced]
            assert self.world.clock.seconds < until, f"never finished: {left}"
        wrongs = await self._wrongs() + await self.world.wrongs_in_the_end()
        assert wrongs == []

    async def _bury_all(self) -> None:
        for life in list(self.world.lives):
            await self.world.bury(life)
        for late in self.world.late:
            late.cancel()


Lifecycle.TestCase.settings = settings(
    max_examples=int(os.environ.get("RETAKE_EXAMPLES", "400" if LONG else "25")),
    stateful_step_count=50 if LONG else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.no_cover
@pytest.mark.timeout(3600)
class TestLifecycle(Lifecycle.TestCase):
    """Any order of events."""
