"""The receipt: what was requested, where the video will be posted, what is left of the quota."""

from typing import TYPE_CHECKING

from discord import ui

from bot.domain.generation import Generation, LiveStatus
from bot.domain.limits import COUNTED
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.services.generate import Receipt
from bot.ui.cards.links import place_mention
from bot.ui.cards.status import adjustments, options
from bot.ui.cards.theme import SEPARATOR, YELLOW, CardContext, card


def receipt_card(receipt: "Receipt", card_context: CardContext) -> ui.LayoutView:
    """What was taken on: place in line, price, expected end, what is left of the quota."""
    messages, generation, live_status = (
        card_context.messages,
        receipt.generation,
        receipt.live_status,
    )
    plan = generation.plan
    title = "receipt.title_repeated" if receipt.repeated else "receipt.title"
    what = SEPARATOR.join([card_context.title(plan), *options(plan, messages)])
    lines = [
        f"{messages.template(title)}\n-# {what}",
        _when(live_status, _where(generation, messages), messages),
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


def _when(live_status: LiveStatus, where: str, messages: Messages) -> str:
    """When it will start and be ready, followed by the sentence about where."""
    facts = {"position": live_status.position, "at": live_status.eta_at, "where": where}
    key = "receipt.starts" if live_status.position is None else "receipt.position"
    return messages.say(key if live_status.eta_at is None else f"{key}_ready", **facts)


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
    quota = receipt.quota
    about = {"period": quota.rule.period, "resets_at": quota.resets_at}
    return [
        messages.say(
            f"receipt.left.{measure}",
            left=max(limit - quota.usage.of(measure), 0),
            limit=limit,
            **about,
        )
        for measure in COUNTED
        if (limit := quota.rule.limits.of(measure))
    ]
