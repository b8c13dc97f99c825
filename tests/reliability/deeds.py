"""What people and providers do in the stories, and for how long something lasts."""

from collections.abc import Callable
from dataclasses import replace

from bot.domain.generation import State
from bot.domain.media import MediaKind
from bot.domain.request import VideoRequest
from bot.services.cancel import CancelResult
from tests.fakes.ports import OwnedClock
from tests.fakes.providers import EVOLINK
from tests.reliability.driver import Act, Walk, ask
from tests.reliability.simulation import Life

TEXT = VideoRequest(prompt="a red kite")
DELIVERED = frozenset({State.DELIVERED})


def since_first(clock: OwnedClock, seconds: float) -> Callable[[], bool]:
    """True for so long after it was asked first."""
    began: list[float] = []

    def during() -> bool:
        if not began:
            began.append(clock.seconds)
        return clock.seconds - began[0] < seconds

    return during


def _with_a_picture(walk: Walk) -> VideoRequest:
    return replace(TEXT, images=(walk.world.a_file("kite.png", MediaKind.IMAGE),))


def ask_with_a_picture() -> Act:
    async def act(walk: Walk, life: Life) -> State:
        return await ask(_with_a_picture(walk))(walk, life)

    return act


def press_cancel(number: int) -> Act:
    async def act(walk: Walk, life: Life) -> CancelResult:
        result, _ = await life.cancel.request(walk.asked[number], viewer=walk.world.viewer())
        return result

    return act


def press_drop(number: int) -> Act:
    async def act(walk: Walk, life: Life) -> State:
        return (await life.cancel.drop(walk.asked[number], viewer=walk.world.viewer())).state

    return act


def call_back(number: int, *, done: bool) -> Act:
    """A provider says that a task is done and names it: when it is, or (nameless) before.

    A request that is still on its way may yet become a task.
    """

    async def act(walk: Walk, life: Life) -> None:
        generation_id, clock, evolink = walk.asked[number], walk.world.clock, walk.world.evolink
        named = None
        while done and not evolink.of(generation_id) and walk.world.under_way():
            await clock.sleep(1.0)
        for task in evolink.of(generation_id) if done else ():
            named = task.task_id
            await clock.sleep(task.ends_after + 1 - clock.seconds)
        await life.callbacks.called(EVOLINK, generation_id, named)

    return act
