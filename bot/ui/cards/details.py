"""The details of a finished video: its prompt, inputs, options and price."""

from typing import Any

from discord import ui

from bot.domain.catalogue import Catalogue, Mode
from bot.domain.generation import Generation, State
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action
from bot.ui.cards.links import _link, video_url
from bot.ui.cards.status import adjustments, options, state_word
from bot.ui.cards.theme import _COLOURS, BLURPLE, SEPARATOR, CardContext, card
from bot.ui.text.markdown import plain
from bot.ui.text.messages import Messages


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


def details_card(generation: Generation, card_context: CardContext) -> ui.LayoutView:
    """Everything about one video, with its whole prompt."""
    messages, plan = card_context.messages, generation.plan
    known = messages.has(f"word.provider.{plan.provider}")
    model = "details.model" if known else "details.model_elsewhere"
    lines = [
        messages.say(model, model=card_context.title(plan), provider=plan.provider, mode=plan.mode)
    ]
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
            ui.ActionRow[Any](control(Action.FETCH, generation, messages.say("button.fetch")))
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
