"""``/limits``: the rules of a server, for people who manage it."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.domain.ids import GuildId, UserId
from bot.domain.quota import LimitChanges, Period
from bot.ui.cards.limits import limits_card, quota_card
from bot.ui.inbound import context
from bot.ui.inbound.answers import answer, promptly
from bot.ui.inbound.client import Interaction
from bot.ui.text.translation import said

if TYPE_CHECKING:
    from bot.services.limits import LimitsView, QuotaView

Amount = app_commands.Range[int, 0, 1_000_000]

PERIODS = [
    app_commands.Choice(name=said("command.limits.day"), value=Period.DAY.value),
    app_commands.Choice(name=said("command.limits.week"), value=Period.WEEK.value),
    app_commands.Choice(name=said("command.limits.month"), value=Period.MONTH.value),
]
VALUES = {
    "videos": said("command.limits.videos"),
    "seconds": said("command.limits.seconds"),
    "period": said("command.limits.period"),
    "concurrent": said("command.limits.concurrent"),
    "cooldown": said("command.limits.cooldown"),
}
NO_CHANGE = LimitChanges()


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
        guild_id, _ = _who(interaction)
        await _rules(interaction, interaction.client.services.limits.show(guild_id), saved=False)

    @limits.command(name="user", description=said("command.limits.user"))
    @app_commands.describe(member=said("command.limits.member"), **VALUES)
    @app_commands.choices(period=PERIODS)
    async def user(
        self,
        interaction: Interaction,
        member: discord.User,
        videos: Amount | None = None,
        seconds: Amount | None = None,
        period: str | None = None,
        concurrent: Amount | None = None,
        cooldown: Amount | None = None,
    ) -> None:
        changes = _changes(videos, seconds, period, concurrent, cooldown)
        if await _nothing(interaction, changes):
            return
        guild_id, actor_id = _who(interaction)
        member_id = UserId(member.id)
        limits = interaction.client.services.limits
        await _quota(interaction, limits.set_member(guild_id, actor_id, member_id, changes), member)

    @limits.command(name="server", description=said("command.limits.server"))
    @app_commands.describe(**VALUES)
    @app_commands.choices(period=PERIODS)
    async def server(
        self,
        interaction: Interaction,
        videos: Amount | None = None,
        seconds: Amount | None = None,
        period: str | None = None,
        concurrent: Amount | None = None,
        cooldown: Amount | None = None,
    ) -> None:
        changes = _changes(videos, seconds, period, concurrent, cooldown)
        if await _nothing(interaction, changes):
            return
        guild_id, actor_id = _who(interaction)
        limits = interaction.client.services.limits
        await _rules(interaction, limits.set_server(guild_id, actor_id, changes), saved=True)

    @limits.command(name="reset", description=said("command.limits.reset"))
    @app_commands.describe(member=said("command.limits.member"))
    async def reset(self, interaction: Interaction, member: discord.User) -> None:
        guild_id, actor_id = _who(interaction)
        limits = interaction.client.services.limits
        await _quota(interaction, limits.reset(guild_id, actor_id, UserId(member.id)), member)


def _who(interaction: Interaction) -> tuple[GuildId, UserId]:
    viewer = context.viewer(interaction)
    return viewer.guild_id, viewer.user_id


def _changes(
    videos: int | None,
    seconds: int | None,
    period: str | None,
    concurrent: int | None,
    cooldown: int | None,
) -> LimitChanges:
    return LimitChanges(
        videos=videos,
        seconds=seconds,
        period=None if period is None else Period(period),
        concurrent=concurrent,
        cooldown=cooldown,
    )


async def _nothing(interaction: Interaction, changes: LimitChanges) -> bool:
    if changes != NO_CHANGE:
        return False
    await answer(interaction, interaction.client.messages(interaction).say("limits.nothing"))
    return True


async def _rules(
    interaction: Interaction, work: Coroutine[Any, Any, "LimitsView"], *, saved: bool
) -> None:
    client = interaction.client
    view = await promptly(interaction, work, patience=client.options.patience)
    await answer(interaction, limits_card(view, client.messages(interaction), saved=saved))


async def _quota(
    interaction: Interaction, work: Coroutine[Any, Any, "QuotaView"], member: discord.abc.User
) -> None:
    client = interaction.client
    view = await promptly(interaction, work, patience=client.options.patience)
    card: ui.LayoutView = quota_card(
        view, who=UserId(member.id), messages=client.messages(interaction)
    )
    await answer(interaction, card)


async def setup(client: Any) -> None:
    """Called by the library when the cog is loaded."""
    await client.add_cog(LimitsCog())
