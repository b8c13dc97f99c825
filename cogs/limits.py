"""``/limits``: the rules of a server, for its admins."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.ids import UserId
from bot.domain.limits import COUNTED, MEASURES, LimitRule, Limits, Period, Scope
from bot.ui.cards.limits import limits_card, quota_card
from bot.ui.inbound import context
from bot.ui.inbound.answers import answer, promptly
from bot.ui.inbound.client import Interaction
from bot.ui.text.translation import said

Amount = app_commands.Range[int, 0, 1_000_000]
F = TypeVar("F", bound=Callable[..., Any])

PERIODS = [
    app_commands.Choice(name=said(f"command.limits.{period}"), value=period.value)
    for period in Period
]
OPTIONS: dict[str, Any] = {
    **dict.fromkeys(COUNTED, Amount | None),
    "period": str | None,
    **dict.fromkeys(MEASURES, Amount | None),
}
"""The options of a rule and their types: the period stands after what is counted over it."""


def limit_options(callback: F) -> F:
    """Give a command the options of a rule, in place of its ``**values``."""
    signature = inspect.signature(callback)
    *own, _values = signature.parameters.values()
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in OPTIONS.items()
    ]
    vars(callback)["__signature__"] = signature.replace(parameters=[*own, *added])
    described = app_commands.describe(**{name: said(f"command.limits.{name}") for name in OPTIONS})
    return app_commands.choices(period=PERIODS)(described(callback))


class LimitsCog(commands.Cog):
    """Shows and sets limits. Discord itself asks for Manage Server, or what admins set instead."""

    limits = app_commands.Group(
        name="limits",
        description=said("command.limits.about"),
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False),
    )

    @limits.command(name="show", description=said("command.limits.show"))
    async def show(self, interaction: Interaction) -> None:
        await _show_rules(interaction)

    @limits.command(name="user", description=said("command.limits.user"))
    @app_commands.describe(member=said("command.limits.member"))
    @limit_options
    async def user(self, interaction: Interaction, member: discord.User, **values: Any) -> None:
        if await _change(interaction, Scope.MEMBER, values, subject=member.id):
            await _show_quota(interaction, member)

    @limits.command(name="server", description=said("command.limits.server"))
    @limit_options
    async def server(self, interaction: Interaction, **values: Any) -> None:
        if await _change(interaction, Scope.SERVER, values):
            await _show_rules(interaction, saved=True)

    @limits.command(name="reset", description=said("command.limits.reset"))
    @app_commands.describe(member=said("command.limits.member"))
    async def reset(self, interaction: Interaction, member: discord.User) -> None:
        viewer, client = context.viewer(interaction), interaction.client
        resetting = client.services.limits.reset(viewer.guild_id, viewer.user_id, UserId(member.id))
        await promptly(interaction, resetting, patience=client.options.patience)
        await _show_quota(interaction, member)


async def _change(
    interaction: Interaction, scope: Scope, values: Mapping[str, Any], *, subject: int = 0
) -> bool:
    """Change a rule; return False, with an answer, if no value was given."""
    viewer, client = context.viewer(interaction), interaction.client
    period = None if values["period"] is None else Period(values["period"])
    limits = Limits(**{**values, "period": period})
    if limits == Limits():
        await answer(interaction, client.messages(interaction).say("limits.nothing"))
        return False
    rule = LimitRule(scope=scope, subject=subject, limits=limits)
    changing = client.services.limits.change(viewer.guild_id, viewer.user_id, rule)
    await promptly(interaction, changing, patience=client.options.patience)
    return True


async def _show_rules(interaction: Interaction, *, saved: bool = False) -> None:
    client, guild_id = interaction.client, context.viewer(interaction).guild_id
    reading = client.services.limits.show(guild_id)
    rules = await promptly(interaction, reading, patience=client.options.patience)
    await answer(interaction, limits_card(rules, client.messages(interaction), saved=saved))


async def _show_quota(interaction: Interaction, member: discord.abc.User) -> None:
    client, guild_id = interaction.client, context.viewer(interaction).guild_id
    who = UserId(member.id)
    reading = client.services.limits.quota(guild_id, who)
    view = await promptly(interaction, reading, patience=client.options.patience)
    await answer(interaction, quota_card(view, who=who, messages=client.messages(interaction)))


async def setup(client: Any) -> None:
    """Add the cog; the library calls this."""
    await client.add_cog(LimitsCog())
