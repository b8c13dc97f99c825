"""The cards of a member's quota and a server's limits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from discord import ui

from bot.domain.ids import UserId
from bot.domain.limits import COUNTED, MEASURES, LimitRule, Limits, Measure, Scope, effective
from bot.ui.cards.theme import BLURPLE, SEPARATOR, bar, card
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.services.limits import QuotaView


MOST_MEMBERS = 20


def quota_card(view: "QuotaView", *, who: UserId | None, messages: Messages) -> ui.LayoutView:
    """Draw what is used and left, when it resets, and the rule. ``who`` is None for oneself."""
    title = messages.say("quota.title") if who is None else messages.say("quota.title_of", who=who)
    amounts = [line for measure in MEASURES if (line := _amount(messages, view, measure))]
    table = "source" if who is None else "source_of"
    sources = {measure: messages.word(table, view.rule.sources[measure]) for measure in COUNTED}
    first = sources[COUNTED[0]]
    rule = (
        messages.say("quota.rule_same", source=first)
        if set(sources.values()) == {first}
        else messages.say("quota.rule", **sources)
    )
    foot = f"{messages.say('quota.resets', resets_at=view.resets_at)}\n-# {rule}"
    return card(title, "\n".join(amounts), foot, colour=BLURPLE)


def limits_card(
    rules: Sequence[LimitRule], messages: Messages, *, saved: bool = False
) -> ui.LayoutView:
    """Draw the rules of a server: for everyone, and for members with their own."""
    everyone = effective(rule for rule in rules if rule.scope is not Scope.MEMBER).limits
    lines = [messages.say("limits.default", rule=rule_text(everyone, messages))]
    if all(rule.scope is not Scope.SERVER for rule in rules):
        lines.append(f"-# {messages.say('limits.server_none')}")
    items: list[ui.Item[Any] | str] = [messages.say("limits.title"), "\n".join(lines)]
    own = [rule for rule in rules if rule.scope is Scope.MEMBER and rule.limits != Limits()]
    if own:
        lines = [
            messages.say("limits.member", who=rule.subject, rule=rule_text(rule.limits, messages))
            for rule in own[:MOST_MEMBERS]
        ]
        if len(own) > MOST_MEMBERS:
            lines.append(messages.say("limits.members_more", count=len(own) - MOST_MEMBERS))
        items.append("\n".join([messages.say("limits.members"), *lines]))
    if saved:
        items.insert(1, messages.say("limits.saved"))
    return card(*items, colour=BLURPLE)


def rule_text(limits: Limits, messages: Messages) -> str:
    """Return what a rule sets, in words."""
    parts = [_part(messages, limits, measure) for measure in limits.named()]
    if limits.period is not None and not set(COUNTED) & set(limits.named()):
        parts.append(messages.say("limits.period", period=limits.period))
    return SEPARATOR.join(parts)


def _part(messages: Messages, limits: Limits, measure: Measure) -> str:
    value, form = limits.of(measure), ""
    if not value:
        form = "_free"
    elif measure in COUNTED and limits.period is None:
        form = "_bare"
    return messages.say(f"limits.{measure}{form}", **{measure: value}, period=limits.period)


def _amount(messages: Messages, view: "QuotaView", measure: Measure) -> str:
    limit, used = view.rule.limits.of(measure), view.usage.of(measure)
    key = f"quota.{measure}" if limit else f"quota.{measure}_free"
    if not messages.has(key):
        return ""  # no cooldown goes without saying
    return messages.say(
        key,
        used=used,
        limit=limit,
        left=max(limit - used, 0),
        period=view.rule.period,
        bar=bar(used * 100 / limit if limit else 0),
    )
