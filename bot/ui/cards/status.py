"""The status card: what a generation is doing, and how it ended.

Owns what it shows and in which order. Nothing is decided and nothing is sent here.
"""

from typing import Any

from discord import ui

from bot.domain.catalogue import Adjustment, Mode, Plan
from bot.domain.errors import Code
from bot.domain.generation import Generation, LiveStatus, State
from bot.domain.request import Operation
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action
from bot.ui.cards.links import _link, video_url
from bot.ui.cards.theme import _COLOURS, BLURPLE, SEPARATOR, CardContext, bar, card
from bot.ui.text.markdown import plain
from bot.ui.text.messages import Messages
from bot.ui.text.naming import shown_prompt


def status_card(
    generation: Generation, live_status: LiveStatus, card_context: CardContext
) -> ui.LayoutView:
    """The status message, in whatever state."""
    messages = card_context.messages
    prompt = plain(shown_prompt(generation), 240) or messages.say("status.no_prompt")
    facts = [
        messages.say("status.version", version=generation.version),
        origin(generation, messages),
        card_context.title(generation.plan),
        *options(generation.plan, messages),
    ]
    lines = [
        f"**{prompt}**\n-# {SEPARATOR.join(facts)}",
        state_line(generation, live_status, card_context),
    ]
    if changed := adjustments(generation.plan.adjustments, messages):
        lines.append(f"-# {changed}")
    row = ui.ActionRow[Any](*_status_buttons(generation, messages))
    return card(*lines, row, colour=_COLOURS.get(generation.state, BLURPLE))


def origin(generation: Generation, messages: Messages) -> str:
    """Who asked for it, and what it was made from."""
    who, version = generation.requester_id, generation.parent_version
    operation = generation.request.operation
    extends = operation is Operation.EXTEND or generation.plan.mode is Mode.EXTEND
    if version is not None and extends:
        return messages.say("status.extension_of", version=version, who=who)
    if version is not None:
        return messages.say("status.edit_of", version=version, who=who)
    if operation is Operation.EDIT:
        return messages.say("status.edit_of_upload", who=who)
    return messages.say("status.asked_by", who=who)


def options(plan: Plan, messages: Messages) -> list[str]:
    """The options in force, for a line of small text. A length that was only asked for in the
    prompt is none of them: it is told with the adjustments.
    """
    length = []
    spoken = any(change.spoken for change in plan.adjustments)
    if plan.duration is not None and not spoken:
        length = [messages.say("options.duration", seconds=plan.duration)]
    elif plan.auto_duration:
        length = [messages.say("options.auto")]
    shape = plan.aspect_ratio and plain(plan.aspect_ratio)
    if plan.aspect_ratio == "auto":
        shape = messages.say("options.auto_shape")
    chosen = [shape, plan.resolution and plain(plan.resolution)]
    return length + [value for value in chosen if value]


def adjustments(changes: tuple[Adjustment, ...], messages: Messages) -> str:
    """What was asked and what is done instead; empty when all was as asked."""

    def value(change: Adjustment, text: str) -> str:
        seconds = change.option == "duration" and text.isdecimal()
        return messages.say("options.duration", seconds=int(text)) if seconds else text

    parts: list[str] = []
    for c in changes:
        facts = {"option": c.option, "requested": value(c, c.requested)}
        if c.spoken:
            parts.append(messages.say("status.change_spoken", **facts))
        elif c.applied is not None:
            parts.append(messages.say("status.change", **facts, applied=value(c, c.applied)))
        else:
            parts.append(messages.say("status.change_left", **facts))
    return messages.say("status.adjusted", changes=SEPARATOR.join(parts)) if parts else ""


def state_line(generation: Generation, live_status: LiveStatus, card_context: CardContext) -> str:
    """Where it stands, in one or two lines."""
    messages = card_context.messages
    if generation.deleted_at is not None:
        return messages.say("status.deleted")
    if generation.ended:
        return end_line(generation, card_context)
    park = generation.park or live_status.park
    if generation.in_grace:
        parts = [messages.say("status.grace")]
    elif park is not None:
        parts = [messages.say("status.parked", reason=park.reason, until=park.until)]
    else:
        parts = [_activity(generation, live_status, messages)]
        if live_status.eta_at is not None:
            parts.append(messages.say("status.ready", at=live_status.eta_at))
        elif generation.state is State.RUNNING and live_status.progress is not None:
            parts.append(messages.say("status.overdue"))
    line = SEPARATOR.join(parts)
    if generation.state is State.RUNNING and live_status.progress is not None:
        percent = min(max(live_status.progress, 0), 100)
        line += "\n" + messages.say("status.bar", bar=bar(percent), percent=percent)
    if generation.abandoned:
        line += "\n-# " + messages.say("status.abandoned")
    return line


def end_line(generation: Generation, card_context: CardContext) -> str:
    """Return how it ended and whether it counted, according to the ledger."""
    messages, failure = card_context.messages, generation.failure
    counted = messages.say("status.counted" if _counted(generation) else "status.not_counted")
    why = ""
    if failure is not None:
        why = messages.explain(failure.code, failure.facts, titles=card_context.titles)
    match generation.state:
        case State.DELIVERED:
            return messages.say("status.done")
        case State.CANCELLED:
            return messages.say("status.cancelled", counted=counted)
        case State.EXPIRED:
            return messages.say("status.expired", why=why, counted=counted)
        case State.UNDELIVERABLE:
            unsure = failure is not None and failure.code is Code.POST_UNKNOWN
            key = "status.uncertain" if unsure else "status.undeliverable"
            return messages.say(key, why=why, counted=counted)
        case _:
            return messages.say("status.failed", why=why, counted=counted)


def _counted(generation: Generation) -> bool:
    """Whether a generation that ended without a posted video counts against the limit."""
    match generation.state:
        case State.CANCELLED:
            return generation.abandoned and generation.result is not None
        case State.EXPIRED | State.UNDELIVERABLE:
            return False
        case _:
            failure = generation.failure
            return failure is not None and bool(failure.facts.get("counted"))


def state_word(generation: Generation, messages: Messages) -> str:
    """The state in one or two words, for lists."""
    state = "deleted" if generation.deleted_at is not None else generation.state.value
    return messages.template(f"state.{state}")


def _activity(generation: Generation, live_status: LiveStatus, messages: Messages) -> str:
    match generation.state:
        case State.QUEUED if live_status.position is not None:
            return messages.say("status.waiting", position=live_status.position)
        case State.QUEUED:
            return messages.say("status.queued")
        case State.SUBMITTING:
            return messages.say("status.submitting")
        case State.SUBMIT_UNKNOWN:
            return messages.say("status.unsure")
        case State.READY:
            return messages.say("status.fetching")
        case State.FETCHED | State.POSTING:
            return messages.say("status.posting")
        case _:
            return messages.say("status.working")


def _status_buttons(generation: Generation, messages: Messages) -> list[ui.Item[Any]]:
    details = control(Action.DETAILS, generation, messages.say("button.details"))
    if not generation.ended:
        label = "button.undo" if generation.in_grace else "button.cancel"
        return [control(Action.CANCEL, generation, messages.say(label)), details]
    if (url := video_url(generation)) is not None:
        return [_link(messages.say("status.watch"), url), details]
    if generation.erased:
        return [details]
    again = control(Action.AGAIN, generation, messages.say("button.again"))
    if generation.state is State.UNDELIVERABLE and generation.file is not None:
        # What is made is had without paying once more, so that comes first.
        return [control(Action.FETCH, generation, messages.say("button.fetch")), again, details]
    return [again, details]
