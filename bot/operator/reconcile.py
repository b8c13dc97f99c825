"""``retake reconcile``: the operator's commands and the sentences about their outcome.

Commands and outcomes pass to a running bot and back as JSON. What a command does is in
``bot.services.reconcile``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.errors import StorageUnavailable
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, TaskId
from bot.domain.ports.provider import TaskState
from bot.services.cases import Case, Kind
from bot.services.reconcile import CannotReconcile, Obstacle, Reconcile

_ID = r"^[0-9A-Za-z_-]{1,64}$"
_TASK_ID = r"^[\x21-\x7e]{1,200}$"


class Action(StrEnum):
    """What a command does."""

    LIST = "list"
    ATTACH = "attach"
    RELEASE = "release"
    SETTLE = "settle"


class Command(BaseModel):
    """A command. ``by`` is the operator's name for the audit trail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    generation: str = Field(default="", pattern=_ID + "|^$")
    task: str = Field(default="", pattern=_TASK_ID + "|^$")
    days: int = Field(default=30, ge=1, le=3650)
    by: str = Field(default="", max_length=100)


class Outcome(BaseModel):
    """The outcome of a command, with the lines to print."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    lines: tuple[str, ...]


async def carry_out_json(reconcile: Reconcile, body: dict[str, Any]) -> dict[str, Any]:
    """Carry out a command that another process sent."""
    try:
        command = Command.model_validate(body)
    except ValidationError:
        refusal = Outcome(ok=False, lines=("The running bot doesn't know this command.",))
        return refusal.model_dump(mode="json")
    return (await carry_out(reconcile, command)).model_dump(mode="json")


async def carry_out(reconcile: Reconcile, command: Command) -> Outcome:
    """Carry out a command. It is not done if the outcome is not ``ok``."""
    try:
        return Outcome(ok=True, lines=tuple(await _done(reconcile, command)))
    except CannotReconcile as refusal:
        return Outcome(ok=False, lines=(_refusal(command, refusal),))
    except StorageUnavailable as error:
        sentence = f"The database didn't respond ({error.facts['reason']}): check the list again."
        return Outcome(ok=False, lines=(sentence,))


async def _done(reconcile: Reconcile, command: Command) -> list[str]:
    generation_id = GenerationId(command.generation)
    match command.action:
        case Action.LIST:
            cases = await reconcile.cases(within=timedelta(days=command.days))
            return _listed(cases, reconcile.clock.now(), command.days)
        case Action.ATTACH:
            task_id = TaskId(command.task) if command.task else None
            attached = await reconcile.attach(generation_id, task_id, by=command.by)
            working = attached.state is TaskState.ACTIVE
            at = "is working on it" if working else "has finished it"
            if not attached.late:
                return [f"Generation {generation_id} continues with that task; the provider {at}."]
            goes_on = (
                f"Generation {attached.generation.id} will deliver that task's video free of charge"
            )
            return [f"{goes_on}; the provider {at}."]
        case Action.RELEASE:
            await reconcile.release(generation_id, by=command.by)
            return [f"Generation {generation_id} has ended; what was held is returned."]
        case Action.SETTLE:
            await reconcile.settle(generation_id, by=command.by)
            return [f"Generation {generation_id} has ended; it counts against the member's limit."]


def _refusal(command: Command, refusal: CannotReconcile) -> str:
    facts = {"provider": "", "task": command.task, "generation": "", "state": "", "code": ""}
    sentence = _REFUSALS[refusal.obstacle].format(**facts | refusal.facts, asked=command.generation)
    return f"{sentence} Nothing was changed."


_REFUSALS = {
    Obstacle.NOT_FOUND: "There is no generation {asked}.",
    Obstacle.NOT_OPEN: "Generation {asked} is {state}: only a generation in submit_unknown"
    " can be ended.",
    Obstacle.NOT_A_CASE: "Generation {asked} is {state}: there is nothing to attach a task to.",
    Obstacle.NOT_WANTED: "The member who requested generation {asked} no longer wants it.",
    Obstacle.NEVER_SENT: "Generation {asked} has no task: none was sent, or another generation"
    " took it over.",
    Obstacle.NOT_KEPT: "Generation {asked} is older than [media] retention_days: what is needed"
    " to deliver it is no longer stored.",
    Obstacle.UNREADABLE: "The row of generation {asked} is damaged: the log says what is wrong.",
    Obstacle.NO_TASK_ID: "No task is known for generation {asked}: find its id in the provider's"
    " dashboard and add it to the command.",
    Obstacle.PROVIDER_OFF: "{provider} is disabled: set its api_key.",
    Obstacle.PROVIDER_SILENT: "{provider} didn't respond ({code}): try again later.",
    Obstacle.TASK_UNKNOWN: "{provider} has no task {task}.",
    Obstacle.TASK_FAILED: "Task {task} at {provider} produced no video.",
    Obstacle.TASK_TAKEN: "Task {task} belongs to generation {generation}.",
    Obstacle.DONE_BEFORE: "Task {task} was already taken over by generation {generation}.",
    Obstacle.CHANGED: "Generation {asked} has just changed: check the list again.",
}

_KINDS = {
    Kind.UNCONFIRMED: "unconfirmed: the provider may or may not have accepted it",
    Kind.UNKNOWN: "ended: it was never confirmed whether the provider accepted it",
    Kind.POISON: "failed because of a bug in Retake",
    Kind.EXPIRED: "timed out",
    Kind.UNFETCHED: "finished by the provider, but the video couldn't be downloaded",
    Kind.UNDELIVERABLE: "made, but it couldn't be posted in Discord",
}


def _listed(cases: Sequence[Case], now: datetime, days: int) -> list[str]:
    if not cases:
        return [f"Nothing needs attention (last {days} days)."]
    lines: list[str] = []
    for case in cases:
        lines += _case_lines(case, now)
    more = "generation needs" if len(cases) == 1 else "generations need"
    return [*lines, f"{len(cases)} {more} attention. See docs/howto/reconcile.md."]


def _case_lines(case: Case, now: datetime) -> list[str]:
    generation, task = case.generation, case.generation.task
    since = generation.ended_at or (task.started_at if task is not None else generation.created_at)
    place = generation.place
    where = f"server {place.guild_id}" if place.guild_id else "a direct message"
    provider = generation.plan.provider if task is None else task.provider
    named = [f"provider {provider}"]
    if task is not None:
        named.append(f"task {task.task_id or 'unknown'}")
        named.append(f"key {task.idempotency_key}")
        named.append(f"sent {task.started_at:%Y-%m-%d %H:%M:%S} UTC")
    return [
        f"{generation.id}  {_KINDS[case.kind]}{_reason(case)} ({_age(now - since)} ago)",
        f"    v{generation.version}, requested by member {generation.requester_id} in {where}",
        f"    {', '.join(named)}",
        f"    {_booked(case)}",
        *(f"    can: {line}" for line in _possible(case, generation)),
    ]


def _reason(case: Case) -> str:
    failure = case.generation.failure
    return f": {failure.code}" if case.kind is Kind.UNFETCHED and failure is not None else ""


def _booked(case: Case) -> str:
    if case.counted is None:
        seconds = case.generation.plan.seconds
        return f"held: 1 video, {seconds} seconds, until this is decided or the deadline passes"
    if case.counted:
        return "settled: it counts against the member's limit"
    return "released: it does not count against the member's limit"


def _possible(case: Case, generation: Generation) -> list[str]:
    id_ = generation.id
    task = generation.task
    known = task is not None and task.task_id is not None
    if case.kind is Kind.UNCONFIRMED:
        return [
            f"retake reconcile attach {id_} TASK_ID, if the provider's dashboard shows its task",
            f"retake reconcile release {id_}, if there is none (or wait: it will end by itself)",
            f"retake reconcile settle {id_}, if there is one and it should count",
        ]
    attach = f"retake reconcile attach {id_}" + ("" if known else " TASK_ID")
    possible = [f"{attach}, to deliver it free of charge while the provider stores it"]
    if task is None:
        possible = ["nothing here: its task was taken over by another generation"]
    if generation.state is State.UNDELIVERABLE and generation.file is not None:
        possible.append(f"send {generation.file.path} from the media folder some other way")
    return possible


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
