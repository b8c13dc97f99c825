"""Cards about one generation: its status, the receipt, its details.

Owns what they show and in which order. Words come from ``messages``, presses go to ``controls``;
nothing is decided and nothing is sent here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.domain.catalogue import Adjustment, Catalogue, Mode, Plan
from bot.domain.errors import Code
from bot.domain.generation import Generation, Standing, State
from bot.domain.request import Operation
from bot.ui.controls import Verb, control
from bot.ui.text.markdown import masked_link, plain
from bot.ui.text.messages import Messages
from bot.ui.text.naming import shown_prompt

if TYPE_CHECKING:
    from bot.services.generate import Receipt

YELLOW, BLURPLE, GREEN, RED, GREY = 0xFEE75C, 0x5865F2, 0x57F287, 0xED4245, 0x80848E
CELLS = 12
SEPARATOR = " · "

_COLOURS = {
    State.QUEUED: YELLOW,
    State.DELIVERED: GREEN,
    State.FAILED: RED,
    State.EXPIRED: RED,
    State.UNDELIVERABLE: RED,
    State.CANCELLED: GREY,
}


@dataclass(frozen=True, kw_only=True)
class Brush:
    """What every card needs: the words, and what models are called and can do."""

    messages: Messages
    catalogue: Catalogue

    @property
    def titles(self) -> Mapping[str, str]:
        """The models' names for people."""
        return {str(name): title for name, title in self.catalogue.titles.items()}

    def title(self, plan: Plan) -> str:
        """One model's name for people."""
        return self.titles.get(plan.model, plan.model)


def card(*items: ui.Item[Any] | str, colour: int | None = None) -> ui.LayoutView:
    """A card of text and rows, with an accent."""
    children = [ui.TextDisplay(item) if isinstance(item, str) else item for item in items if item]
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*children, accent_colour=colour))
    return view


def bar(percent: float, *, cells: int = CELLS) -> str:
    """A bar of so many cells; full only at 100 %, never empty once something is done."""
    part = min(max(percent, 0), 100) * cells / 100
    filled = int(part) if percent >= 100 or part >= 1 or percent <= 0 else 1
    return "▰" * filled + "▱" * (cells - filled)


def status_card(generation: Generation, standing: Standing, brush: Brush) -> ui.LayoutView:
    """The status message, in whatever state."""
    messages = brush.messages
    prompt = plain(shown_prompt(generation), 240) or messages.say("status.no_prompt")
    facts = [
        messages.say("status.version", version=generation.version),
        origin(generation, messages),
        brush.title(generation.plan),
        *options(generation.plan, messages),
    ]
    lines = [f"**{prompt}**\n-# {SEPARATOR.join(facts)}", state_line(generation, standing, brush)]
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

    told: list[str] = []
    for c in changes:
        facts = {"option": c.option, "requested": value(c, c.requested)}
        if c.spoken:
            told.append(messages.say("status.change_spoken", **facts))
        elif c.applied is not None:
            told.append(messages.say("status.change", **facts, applied=value(c, c.applied)))
        else:
            told.append(messages.say("status.change_left", **facts))
    return messages.say("status.adjusted", changes=SEPARATOR.join(told)) if told else ""


def state_line(generation: Generation, standing: Standing, brush: Brush) -> str:
    """Where it stands, in one or two lines."""
    messages = brush.messages
    if generation.deleted_at is not None:
        return messages.say("status.deleted")
    if generation.ended:
        return end_line(generation, brush)
    if (park := generation.park or standing.park) is not None:
        parts = [messages.say("status.parked", reason=park.reason, until=park.until)]
    else:
        parts = [_activity(generation, standing, messages)]
        if standing.eta_at is not None:
            parts.append(messages.say("status.ready", at=standing.eta_at))
    line = SEPARATOR.join(parts)
    if generation.state is State.RUNNING and standing.progress is not None:
        percent = min(max(standing.progress, 0), 100)
        line += "\n" + messages.say("status.bar", bar=bar(percent), percent=percent)
    if generation.abandoned:
        line += "\n-# " + messages.say("status.abandoned")
    return line


def end_line(generation: Generation, brush: Brush) -> str:
    """How it ended, and whether it counted: told from what was booked, never guessed."""
    messages = brush.messages
    counted = messages.say("status.not_counted")
    why = ""
    if generation.failure is not None:
        failure = generation.failure
        why = messages.explain(failure.code, failure.facts, titles=brush.titles)
    match generation.state:
        case State.DELIVERED:
            return messages.say("status.done")
        case State.CANCELLED:
            if generation.abandoned and generation.result is not None:
                counted = messages.say("status.counted")
            return f"{messages.say('status.cancelled')} {counted}"
        case State.EXPIRED:
            return f"{messages.say('status.expired', why=why)} {counted}"
        case State.UNDELIVERABLE:
            unsure = generation.failure is not None and generation.failure.code is Code.POST_UNKNOWN
            key = "status.uncertain" if unsure else "status.undeliverable"
            return f"{messages.say(key, why=why)} {counted}"
        case _:
            if generation.failure is not None and generation.failure.facts.get("counted"):
                counted = messages.say("status.counted")
            return f"{messages.say('status.failed', why=why)} {counted}"


def state_word(generation: Generation, messages: Messages) -> str:
    """The state in one or two words, for lists."""
    state = "deleted" if generation.deleted_at is not None else generation.state.value
    return messages.template(f"state.{state}")


def message_url(guild_id: int, channel_id: int, message_id: int) -> str:
    """Where a message is, for people."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def video_url(generation: Generation) -> str | None:
    """Where the finished video is, for people; None when it is nowhere."""
    posting = generation.posting
    if generation.deleted_at is not None or generation.state is not State.DELIVERED:
        return None
    if posting is None or posting.message_id is None or posting.channel_id is None:
        return None
    # A video that fell back to a direct message is in no server.
    direct = posting.target.kind == "direct"
    guild_id = 0 if direct else generation.place.guild_id
    return message_url(guild_id, posting.channel_id, posting.message_id)


def receipt_card(receipt: "Receipt", brush: Brush) -> ui.LayoutView:
    """What was taken on: place in line, price, expected end, what is left of the quota."""
    messages, generation, standing = brush.messages, receipt.generation, receipt.standing
    plan = generation.plan
    title = "receipt.title_repeated" if receipt.repeated else "receipt.title"
    when = [
        messages.say("receipt.starts")
        if standing.position is None
        else messages.say("receipt.position", position=standing.position)
    ]
    if standing.eta_at is not None:
        when.append(messages.say("receipt.ready", at=standing.eta_at))
    what = SEPARATOR.join([brush.title(plan), *options(plan, messages)])
    lines = [
        f"{messages.template(title)}\n-# {what}",
        f"{' '.join(when)} {_where(generation, messages)}",
    ]
    price = (
        messages.say("receipt.cost", price=plan.micro_usd, seconds=plan.seconds)
        if plan.micro_usd
        else messages.say("receipt.free", seconds=plan.seconds)
    )
    lines.append("\n".join([price, *_left(receipt, messages)]))
    if any(image.first_picture_only for image in generation.request.pictures):
        lines.append(f"-# {messages.say('receipt.first_picture_only')}")
    if changed := adjustments(plan.adjustments, messages):
        lines.append(f"-# {changed}")
    return card(*lines, colour=YELLOW)


def _price(generation: Generation, messages: Messages) -> list[str]:
    """What it cost as far as reported, else what was estimated; an absurd report is told as one."""
    result, plan = generation.result, generation.plan
    lines: list[str] = []
    if result is not None and result.cost_micro_usd is not None:
        lines.append(messages.say("details.cost", price=result.cost_micro_usd))
    elif plan.micro_usd:
        lines.append(messages.say("details.cost_estimated", price=plan.micro_usd))
    if result is not None and result.doubtful_micro_usd is not None:
        lines.append(messages.say("details.cost_doubtful", price=result.doubtful_micro_usd))
    return lines


def details_card(generation: Generation, brush: Brush) -> ui.LayoutView:
    """Everything about one video, with its whole prompt."""
    messages, plan = brush.messages, generation.plan
    known = messages.has(f"word.provider.{plan.provider}")
    model = "details.model" if known else "details.model_elsewhere"
    lines = [messages.say(model, model=brush.title(plan), provider=plan.provider, mode=plan.mode)]
    if chosen := options(plan, messages):
        lines.append(messages.say("details.format", format=SEPARATOR.join(chosen)))
    if inputs := _inputs(generation, messages):
        lines.append(messages.say("details.inputs", inputs=SEPARATOR.join(inputs)))
    if generation.parent_version is not None:
        lines.append(messages.say("details.parent", version=generation.parent_version))
    lines += _price(generation, messages)
    who = {"who": generation.requester_id, "at": generation.created_at}
    lines.append(messages.say("details.asked", **who))
    lines.append(messages.say("details.state", state=state_word(generation, messages)))
    if generation.file is not None and generation.file.lost_credentials:
        lines.append(f"-# {messages.say('details.lost_credentials')}")
    if changed := adjustments(plan.adjustments, messages):
        lines.append(f"-# {changed}")
    items: list[ui.Item[Any] | str] = [
        messages.say("details.title", version=generation.version),
        _prompt_of(generation, messages),
        "\n".join(lines),
    ]
    if (url := video_url(generation)) is not None:
        items.append(ui.ActionRow[Any](_link(messages.say("status.watch"), url)))
    elif generation.state is State.UNDELIVERABLE and not generation.erased:
        items.append(
            ui.ActionRow[Any](control(Verb.FETCH, generation, messages.say("button.fetch")))
        )
    return card(*items, colour=_COLOURS.get(generation.state, BLURPLE))


def _prompt_of(generation: Generation, messages: Messages) -> str:
    if generation.deleted_at is not None:
        return messages.say("details.deleted")
    if generation.pruned_at is not None:
        return messages.say("details.not_kept")
    prompt = plain(generation.request.prompt, 1500)
    if not prompt:
        return messages.say("details.no_prompt")
    return messages.say("details.prompt", prompt=prompt)


def can_extend(generation: Generation, catalogue: Catalogue) -> bool:
    """Whether the family that made a video can make it longer where it was made."""
    offers = catalogue.for_provider(generation.plan.provider, generation.plan.model)
    return any(offer.mode is Mode.EXTEND for offer in offers)


def place_mention(generation: Generation) -> str:
    """The channel or thread, as a link people can click."""
    place = generation.place
    return f"<#{place.thread_id or place.channel_id}>"


def watch_link(generation: Generation, messages: Messages) -> str:
    """A short link to the video, or nothing."""
    url = video_url(generation)
    return "" if url is None else masked_link(messages.say("history.open"), url)


def _activity(generation: Generation, standing: Standing, messages: Messages) -> str:
    match generation.state:
        case State.QUEUED if standing.position is not None:
            return messages.say("status.waiting", position=standing.position)
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
    details = control(Verb.DETAILS, generation, messages.say("button.details"))
    if not generation.ended:
        return [control(Verb.CANCEL, generation, messages.say("button.cancel")), details]
    if (url := video_url(generation)) is not None:
        return [_link(messages.say("status.watch"), url), details]
    if generation.erased:
        return [details]
    again = control(Verb.AGAIN, generation, messages.say("button.again"))
    if generation.state is State.UNDELIVERABLE and generation.file is not None:
        # What is made is had without paying once more, so that comes first.
        return [control(Verb.FETCH, generation, messages.say("button.fetch")), again, details]
    return [again, details]


def _link(label: str, url: str) -> ui.Button[Any]:
    return ui.Button(style=discord.ButtonStyle.link, label=label, url=url)


def _where(generation: Generation, messages: Messages) -> str:
    place = generation.place
    if not place.guild_id:
        return messages.say("receipt.direct")
    if place.private and not place.in_thread:
        return messages.say("receipt.private_direct" if place.threadless else "receipt.private")
    if place.threadless:
        return messages.say("receipt.channel", place=place_mention(generation))
    key = "receipt.thread" if place.thread_id is None else "receipt.here"
    return messages.say(key, place=place_mention(generation))


def _left(receipt: "Receipt", messages: Messages) -> list[str]:
    limits, usage = receipt.quota.rule.limits, receipt.quota.usage
    about = {"period": limits.period, "resets_at": receipt.quota.resets_at}
    lines: list[str] = []
    if limits.videos:
        left = max(limits.videos - usage.videos, 0)
        lines.append(messages.say("receipt.left", left=left, limit=limits.videos, **about))
    if limits.seconds:
        left = max(limits.seconds - usage.seconds, 0)
        lines.append(messages.say("receipt.left_seconds", left=left, limit=limits.seconds, **about))
    return lines


def _inputs(generation: Generation, messages: Messages) -> list[str]:
    request = generation.request
    given: list[str] = []
    if request.images:
        given.append(messages.count("image", len(request.images)))
    if request.last_frame is not None:
        given.append(messages.say("details.last_frame"))
    if request.video is not None:
        given.append(messages.say("details.video"))
    return given
