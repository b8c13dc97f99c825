"""Paths on which people change their mind, files get lost, and answers come by another way."""

from collections.abc import Callable, Sequence

from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Generation, State
from tests.fakes.providers import refusal
from tests.reliability.deeds import (
    DELIVERED,
    TEXT,
    ask_with_a_picture,
    call_back,
    press_drop,
    since_first,
)
from tests.reliability.driver import Act, Deed, Story, Walk, ask
from tests.reliability.hearing import written
from tests.reliability.simulation import Life, World

BUSY = refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=20)


def _busy(world: World, seconds: float) -> Callable[[], ProviderError | None]:
    during = since_first(world.clock, seconds)
    return lambda: BUSY if during() else None


def _busy_for_a_while(world: World) -> None:
    world.evolink.refuses_now = _busy(world, 60)
    world.apimart.refuses_now = _busy(world, 60)


def _busy_and_slow(world: World) -> None:
    _busy_for_a_while(world)
    world.evolink.latency = world.apimart.latency = 2.0


def _back_in_the_queue(rows: Sequence[Generation]) -> bool:
    row = rows[0]
    return row.state not in {State.QUEUED, State.SUBMITTING} or row.failure is not None


def _being_sent(rows: Sequence[Generation]) -> bool:
    return rows[0].state is not State.QUEUED


def _not_bought(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    reported, row = walk.answers[-1], rows[0]
    paid, undisturbed = walk.world.paid(row.id), len(walk.world.points) == 1
    # Dropped at the provider it was bought before, and ends cancelled when its result is there: a
    # second press, after a crash, may see that end.
    from_the_queue = reported is State.CANCELLED and not row.abandoned
    if paid and (from_the_queue or undisturbed):
        return [f"dropped ({reported}), and bought all the same"]
    if undisturbed and row.state is not State.CANCELLED:
        return [f"dropped ({reported}), and it ended {row.state}"]
    return []


def _threads_lose_files(world: World) -> None:
    world.discord.loses_files = lambda channel: channel in world.discord.threads


def _no_place_keeps_files(world: World) -> None:
    world.discord.loses_files = lambda _: True


def _named_by_a_callback_alone(world: World) -> None:
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.mute = lambda: True


def _answer_is_lost(rows: Sequence[Generation]) -> bool:
    return rows[0].state is State.SUBMIT_UNKNOWN or rows[0].ended


def _delivered_if_bought(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    # A crash before the POST leaves a generation about which nobody can say that it was not bought.
    row = rows[0]
    if walk.world.paid(row.id) and row.state is not State.DELIVERED:
        return [f"its task was named, and it ended {row.state}"]
    return []


def _files_while_busy(world: World) -> None:
    world.evolink.refuses_now = _busy(world, 60)
    world.apimart.refuses = refusal(Code.PROVIDER_BALANCE)
    world.apimart.can_list_tasks = True


def _video_place(walk: Walk) -> int:
    return next(m for m in walk.world.discord.messages if m.kind == "video").channel_id


def _reply() -> Act:
    """Write a reply to a video, and let the bot hear of it."""

    async def act(walk: Walk, life: Life) -> None:
        discord = walk.world.discord
        if discord.written:
            return  # it was written before the crash
        reply = written(walk.world.clock, discord.written, _video_place(walk))
        await life.hearing.arrived(reply)

    return act


def _reply_during_an_absence() -> Act:
    """Write a reply while the bot is not connected, and let it connect again."""

    async def act(walk: Walk, life: Life) -> None:
        discord = walk.world.discord
        if len(discord.written) > 1:
            return
        life.hearing.missed.lost()
        await life.clock.sleep(10)
        written(walk.world.clock, discord.written, _video_place(walk))
        await life.clock.sleep(200)
        await life.hearing.connected()

    return act


def _each_answered(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    keys = sorted(row.request_key for row in rows[1:])
    asked = sorted(f"message:{reply.id}" for reply in walk.world.discord.written)
    return [] if keys == asked else [f"replies {asked}, answered {keys}"]


FURTHER_STORIES = (
    Story(
        name="drop of what goes back to the queue",
        world=_busy_for_a_while,
        deeds=[Deed(act=ask(TEXT)), Deed(act=press_drop(0), when=_back_in_the_queue)],
        ends=[frozenset({State.CANCELLED, State.DELIVERED})],
        also=_not_bought,
    ),
    Story(
        name="drop while a refusal is on its way",
        world=_busy_and_slow,
        deeds=[Deed(act=ask(TEXT)), Deed(act=press_drop(0), when=_being_sent)],
        ends=[frozenset({State.CANCELLED, State.DELIVERED})],
        also=_not_bought,
    ),
    Story(
        name="a thread that loses files",
        world=_threads_lose_files,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(
        name="no place that keeps files",
        world=_no_place_keeps_files,
        deeds=[Deed(act=ask(TEXT))],
        ends=[frozenset({State.UNDELIVERABLE})],
    ),
    Story(
        name="unconfirmed, named by a callback",
        world=_named_by_a_callback_alone,
        deeds=[Deed(act=ask(TEXT)), Deed(act=call_back(0, done=True), when=_answer_is_lost)],
        ends=[DELIVERED | {State.FAILED}],
        also=_delivered_if_bought,
    ),
    Story(
        name="uploads of what goes back to the queue",
        world=_files_while_busy,
        deeds=[Deed(act=ask_with_a_picture())],
        ends=[DELIVERED],
    ),
    Story(
        name="replies, one of them missed",
        before=[Deed(act=ask(TEXT))],
        deeds=[Deed(act=_reply()), Deed(act=_reply_during_an_absence())],
        ends=[DELIVERED, DELIVERED],
        hears=True,
        also=_each_answered,
    ),
)
