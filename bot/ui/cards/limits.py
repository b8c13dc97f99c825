"""The cards of a member's quota and a server's limits."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from discord import ui

from bot.domain.ids import UserId
from bot.domain.quota import LimitChanges, Limits, Period
from bot.ui.cards.theme import BLURPLE, SEPARATOR, bar, card
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.services.limits import LimitsView, QuotaView


MOST_MEMBERS = 20


def quota_card(view: "QuotaView", *, who: UserId | None, messages: Messages) -> ui.LayoutView:
    """What is used, what is left, when it resets, and from which rule. ``who``: not oneself."""
    limits, usage, sources = view.rule.limits, view.usage, view.rule.sources
    title = messages.say("quota.title") if who is None else messages.say("quota.title_of", who=who)
    amounts = [
        _amount(messages, "videos", usage.videos, limits.videos, limits.period),
        _amount(messages, "seconds", usage.seconds, limits.seconds, limits.period),
        messages.say("quota.concurrent", used=usage.open, limit=limits.concurrent)
        if limits.concurrent
        else messages.say("quota.concurrent_free", used=usage.open),
    ]
    if limits.cooldown:
        amounts.append(messages.say("quota.cooldown", limit=limits.cooldown))
    named = "source" if who is None else "source_of"
    videos, seconds = (messages.word(named, sources[kind]) for kind in ("videos", "seconds"))
    rule = (
        messages.say("quota.rule_same", source=videos)
        if videos == seconds
        else messages.say("quota.rule", videos=videos, seconds=seconds)
    )
    foot = f"{messages.say('quota.resets', resets_at=view.resets_at)}\n-# {rule}"
    return card(title, "\n".join(amounts), foot, colour=BLURPLE)


def limits_card(view: "LimitsView", messages: Messages, *, saved: bool = False) -> ui.LayoutView:
    """The rules of a server: for everybody, and for members with their own."""
    everybody = _as_changes(view.default)
    if view.server is not None:
        everybody = everybody.merged_with(view.server)
    lines = [messages.say("limits.default", rule=rule_text(everybody, messages))]
    if view.server is None:
        lines.append(f"-# {messages.say('limits.server_none')}")
    items: list[ui.Item[Any] | str] = [messages.say("limits.title"), "\n".join(lines)]
    own = [(who, changes) for who, changes in view.members if _says_something(changes)]
    if own:
        lines = [
            messages.say("limits.member", who=who, rule=rule_text(changes, messages))
            for who, changes in own[:MOST_MEMBERS]
        ]
        if len(own) > MOST_MEMBERS:
            lines.append(messages.say("limits.members_more", count=len(own) - MOST_MEMBERS))
        items.append("\n".join([messages.say("limits.members"), *lines]))
    if saved:
        items.insert(1, messages.say("limits.saved"))
    return card(*items, colour=BLURPLE)


def rule_text(changes: LimitChanges, messages: Messages) -> str:
    """A rule in words: only what it says."""
    lines = [
        _part(messages, "videos", changes.videos, changes.period),
        _part(messages, "seconds", changes.seconds, changes.period),
        _part(messages, "concurrent", changes.concurrent, None),
        _part(messages, "cooldown", changes.cooldown, None),
    ]
    if changes.period is not None and changes.videos is None and changes.seconds is None:
        lines.append(messages.say("limits.period", period=changes.period))
    return SEPARATOR.join(part for part in lines if part)


def _part(messages: Messages, name: str, value: int | None, period: Period | None) -> str:
    if value is None:
        return ""
    if value == 0:
        return messages.template(f"limits.{name}_free")
    if name in {"videos", "seconds"}:
        if period is None:
            return messages.vformat(messages.template(f"limits.{name}_bare"), (), {name: value})
        facts = {name: value, "period": period}
        return messages.vformat(messages.template(f"limits.{name}"), (), facts)
    return messages.vformat(messages.template(f"limits.{name}"), (), {name: value})


def _amount(messages: Messages, name: str, used: int, limit: int, period: Period) -> str:
    if not limit:
        free = messages.template(f"quota.{name}_free")
        return messages.vformat(free, (), {"used": used, "period": period})
    facts = {
        "used": used,
        "limit": limit,
        "left": max(limit - used, 0),
        "period": period,
        "bar": bar(used * 100 / limit),
    }
    return messages.vformat(messages.template(f"quota.{name}"), (), facts)


def _as_changes(limits: Limits) -> LimitChanges:
    return LimitChanges(**{field.name: getattr(limits, field.name) for field in fields(limits)})


def _says_something(changes: LimitChanges) -> bool:
    return any(getattr(changes, field.name) is not None for field in fields(changes))
