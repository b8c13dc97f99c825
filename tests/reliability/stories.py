"""The paths through a generation's life that crashes are tried on."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.errors import Code
from bot.domain.generation import Generation, State
from bot.domain.ports.provider import TaskReport, TaskState
from bot.domain.request import Operation, VideoRequest
from bot.services.cancel import CancelResult
from tests.fakes.providers import APIMART, EVOLINK, refusal
from tests.reliability.deeds import (
    DELIVERED,
    TEXT,
    ask_with_a_picture,
    call_back,
    press_cancel,
    press_drop,
    since_first,
)
from tests.reliability.driver import Deed, Story, Walk, ask
from tests.reliability.further_stories import FURTHER_STORIES
from tests.reliability.simulation import CHANNEL, POLICY, TOM, World

FAILED = frozenset({State.FAILED})


def _moderated(world: World) -> None:
    world.evolink.ends = lambda task_id: TaskReport(
        task_id=task_id, state=TaskState.FAILED, error=refusal(Code.MODERATED)
    )


def _moderated_where_nothing_can_be_said_at_first(world: World) -> None:
    _moderated(world)
    world.discord.gone = lambda _, kind: kind == "status"


def _never_done(world: World) -> None:
    world.evolink.seconds = 100_000


def _answers_lost_for_good(world: World) -> None:
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.mute = lambda: True


def _answers_lost_for_a_while(world: World) -> None:
    world.evolink.mute = since_first(world.clock, 6)


def _answers_lost_where_nothing_can_be_listed(world: World) -> None:
    world.evolink.can_list_tasks = False
    world.evolink.mute = since_first(world.clock, 6)


def _posts_lost_on_the_way(world: World) -> None:
    world.evolink.supports_idempotency_keys = False
    world.evolink.deaf = since_first(world.clock, 20)


def _without_money(world: World) -> None:
    world.evolink.refuses = refusal(Code.PROVIDER_BALANCE)


def _thread_deleted(world: World) -> None:
    world.discord.gone = lambda channel, kind: kind == "video" and channel in world.discord.threads


def _nowhere_to_post(world: World) -> None:
    world.discord.gone = lambda _, kind: kind == "video"


def _discord_away(world: World) -> None:
    down = since_first(world.clock, 45)
    seen: list[str] = []

    def away(kind: str) -> bool:
        seen.append(kind)
        return "video" in seen and down()

    world.discord.away = away


def _discord_away_when_it_ends(world: World) -> None:
    """For as long as the outage in which ends were never told."""
    _moderated(world)
    down = since_first(world.clock, 840)
    world.discord.away = lambda _: bool(world.evolink.tasks) and down()


def _result_refused_for_a_while(world: World) -> None:
    """Still after the longest absence."""
    down = since_first(world.clock, 420)
    refused = refusal(Code.RESULT_GONE, status=403)
    world.evolink.refuses_links = lambda _: refused if down() else None


def _disk_full_for_a_while(world: World) -> None:
    """Still after the longest absence."""
    down = since_first(world.clock, 420)
    world.disk.full = down


def _batches_never_answered(world: World) -> None:
    world.evolink.batch_size = 50
    world.evolink.refuses_batches = refusal(Code.PROVIDER_MALFORMED)


def _discord_mute(world: World) -> None:
    down = since_first(world.clock, 45)
    world.discord.mute = lambda kind: kind == "video" and down()


def _too_large(world: World) -> None:
    world.discord.limit = 8
    world.disk.fit_seconds = 30.0


def _cancelled_as_reported(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    reported = walk.answers[-1]
    second = rows[1]
    if second.state is State.CANCELLED and walk.world.paid(second.id):
        return ["cancelled, and paid all the same"]
    # Who presses again after a crash may be told that it has ended already, one way or the other.
    ended = second.state is State.CANCELLED
    if reported is not CancelResult.ENDED and ended is not (reported is CancelResult.CANCELLED):
        return [f"reported {reported}, ended {second.state}"]
    return []


def _dropped_as_reported(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    reported = walk.answers[-1]
    if reported is State.RUNNING and rows[0].state is not State.CANCELLED:
        return [f"dropped while running, ended {rows[0].state}"]
    return []


def _second_waits(rows: Sequence[Generation]) -> bool:
    return rows[0].state is not State.QUEUED or rows[0].ended


def _second_kept_waiting(world: World) -> None:
    world.evolink.seconds = 15.0


def _done_late(world: World) -> None:
    world.evolink.seconds = world.evolink.settles = 45.0


def _done_unheard(world: World) -> None:
    """Its task is made and no word of it comes: not with the POST, and in the list too late."""
    _done_late(world)
    world.evolink.supports_idempotency_keys = False
    world.evolink.mute = lambda: True


def _first_ended(rows: Sequence[Generation]) -> bool:
    return rows[0].announced


def _delivered_or_never_made(walk: Walk, rows: Sequence[Generation]) -> bool:
    made = sum(walk.world.paid(row.id) for row in rows)
    return not made or any(row.state is State.DELIVERED for row in rows)


def _unclear_only_if_paid(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    # A list names no task: where there are no keys, an answer that a crash swallows stays unknown.
    row = rows[0]
    if row.state is not State.FAILED:
        return []
    unclear = row.failure is not None and row.failure.code is Code.SUBMIT_UNKNOWN
    if not unclear or not walk.world.paid(row.id):
        return [f"it was not paid for, and ended {row.state} ({row.failure})"]
    undisturbed = len(walk.world.points) == 1
    return [f"nothing happened to it, and it ended {row.state}"] * undisturbed


def _one_video_for_one_task(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    made = sum(walk.world.paid(row.id) for row in rows)
    videos = sum(len(walk.world.discord.of(row.id, "video")) for row in rows)
    late = [row for row in rows if row.late]
    wrongs = [f"{made} tasks, {videos} videos"] if made > 1 or videos != made else []
    if any(row.state is not State.DELIVERED for row in late):
        wrongs.append(f"the late one ended {late[0].state}")
    return wrongs


def _only_for_who_asked(walk: Walk, rows: Sequence[Generation]) -> list[str]:
    public = [m for m in walk.world.discord.messages if m.channel_id == CHANNEL]
    strangers = [t for t in walk.world.discord.private_threads if t.members - {TOM}]
    unseen = rows[0].place.thread_id is None
    wrongs = [f"said before everybody: {message.kind}" for message in public]
    return wrongs + ["seen by others"] * bool(strangers) + ["it has no thread"] * unseen


STORIES = (
    Story(name="text", deeds=[Deed(act=ask(TEXT))], ends=[DELIVERED]),
    Story(name="image", deeds=[Deed(act=ask_with_a_picture())], ends=[DELIVERED]),
    Story(
        name="edit",
        before=[Deed(act=ask(TEXT))],
        deeds=[Deed(act=ask(VideoRequest(operation=Operation.EDIT, prompt="at night"), parent=0))],
        ends=[DELIVERED],
    ),
    Story(
        name="extension of a task",
        before=[Deed(act=ask(TEXT))],
        deeds=[Deed(act=ask(VideoRequest(operation=Operation.EXTEND, prompt="on"), parent=0))],
        ends=[DELIVERED],
    ),
    Story(
        name="moderation after acceptance",
        world=_moderated,
        deeds=[Deed(act=ask(TEXT))],
        ends=[FAILED],
    ),
    Story(
        name="moderation without a status",
        world=_moderated_where_nothing_can_be_said_at_first,
        deeds=[Deed(act=ask(TEXT))],
        ends=[FAILED],
    ),
    Story(
        name="cancel while queued",
        world=_second_kept_waiting,
        policy=replace(POLICY, max_running={EVOLINK: 1, APIMART: 0}),
        deeds=[
            Deed(act=ask(TEXT)),
            Deed(act=ask(TEXT)),
            Deed(act=press_cancel(1), when=lambda rows: rows[0].state is not State.QUEUED),
        ],
        ends=[DELIVERED, frozenset({State.CANCELLED, State.DELIVERED})],
        also=_cancelled_as_reported,
    ),
    Story(
        name="drop while running",
        deeds=[
            Deed(act=ask(TEXT)),
            Deed(
                act=press_drop(0),
                when=lambda rows: rows[0].state is State.RUNNING or rows[0].ended,
            ),
        ],
        ends=[frozenset({State.CANCELLED, State.DELIVERED})],
        also=_dropped_as_reported,
    ),
    Story(
        name="result refused for a while",
        world=_result_refused_for_a_while,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(
        name="disk full for a while",
        world=_disk_full_for_a_while,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(
        name="end announced after an outage",
        world=_discord_away_when_it_ends,
        deeds=[Deed(act=ask(TEXT))],
        ends=[FAILED],
    ),
    Story(
        name="batches never answered",
        world=_batches_never_answered,
        policy=replace(POLICY, max_running={EVOLINK: 2, APIMART: 0}),
        deeds=[Deed(act=ask(TEXT)), Deed(act=ask(TEXT))],
        ends=[DELIVERED, DELIVERED],
    ),
    Story(
        name="expiry",
        world=_never_done,
        policy=replace(POLICY, running_deadline=30),
        deeds=[Deed(act=ask(TEXT))],
        ends=[frozenset({State.EXPIRED})],
    ),
    Story(
        name="unconfirmed for good",
        world=_answers_lost_for_good,
        policy=replace(POLICY, unknown_deadline=40),
        deeds=[Deed(act=ask(TEXT))],
        ends=[FAILED],
    ),
    Story(
        name="unconfirmed, asked again with the key",
        world=_answers_lost_for_a_while,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(
        name="unconfirmed, only the key can help",
        world=_answers_lost_where_nothing_can_be_listed,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(
        name="unconfirmed, proven absent",
        world=_posts_lost_on_the_way,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED | FAILED],
        also=_unclear_only_if_paid,
    ),
    Story(
        name="failover to a second provider",
        world=_without_money,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(name="thread gone", world=_thread_deleted, deeds=[Deed(act=ask(TEXT))], ends=[DELIVERED]),
    Story(
        name="nowhere to post",
        world=_nowhere_to_post,
        deeds=[Deed(act=ask(TEXT))],
        ends=[frozenset({State.UNDELIVERABLE})],
    ),
    Story(
        name="discord unavailable",
        world=_discord_away,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(
        name="discord without answers",
        world=_discord_mute,
        deeds=[Deed(act=ask(TEXT))],
        ends=[DELIVERED],
    ),
    Story(name="too large", world=_too_large, deeds=[Deed(act=ask(TEXT))], ends=[DELIVERED]),
    Story(
        name="private",
        deeds=[Deed(act=ask(TEXT, private=True))],
        ends=[DELIVERED],
        also=_only_for_who_asked,
    ),
    Story(
        name="hints while running",
        deeds=[
            Deed(act=ask(TEXT)),
            Deed(
                act=call_back(0, done=False),
                when=lambda rows: rows[0].state is State.RUNNING or rows[0].ended,
            ),
            Deed(act=call_back(0, done=True)),
        ],
        ends=[DELIVERED],
    ),
    Story(
        name="late after expiry",
        world=_done_late,
        policy=replace(POLICY, running_deadline=30),
        deeds=[Deed(act=ask(TEXT)), Deed(act=call_back(0, done=True), when=_first_ended)],
        ends=[frozenset({State.EXPIRED, State.DELIVERED})],
        late=True,
        over=_delivered_or_never_made,
        also=_one_video_for_one_task,
    ),
    Story(
        name="late after an unconfirmed submission",
        world=_done_unheard,
        policy=replace(POLICY, unknown_deadline=40),
        deeds=[Deed(act=ask(TEXT)), Deed(act=call_back(0, done=True), when=_first_ended)],
        ends=[frozenset({State.FAILED, State.DELIVERED})],
        late=True,
        over=_delivered_or_never_made,
        also=_one_video_for_one_task,
    ),
    *FURTHER_STORIES,
)
