"""Limits as people set them: what is refused, and that a refusal changes nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.ids import DIRECT, UserId
from bot.domain.limits import MEASURES, LimitRule, Limits, Period, Scope
from bot.services.limits import LimitService
from tests.contract.storage.samples import raw
from tests.unit.services.conftest import GUILD, TOM, World

ADMIN = UserId(9)
VIDEOS = MEASURES[0]


@pytest.fixture
def service(world: World) -> LimitService:
    return LimitService(storage=world.storage, clock=world.clock, default=Limits(videos=10))


def server(limits: Limits) -> LimitRule:
    return LimitRule(scope=Scope.SERVER, limits=limits)


def member(limits: Limits) -> LimitRule:
    return LimitRule(scope=Scope.MEMBER, subject=TOM, limits=limits)


@pytest.mark.parametrize("name", ["videos", "seconds", "concurrent"])
@pytest.mark.parametrize("rule_of", [server, member])
async def test_zero_never_lifts_a_limit(
    service: LimitService, rule_of: Callable[[Limits], LimitRule], name: str
) -> None:
    limits = replace(Limits(cooldown=5), **{name: 0})
    with pytest.raises(Refused) as caught:
        await service.change(GUILD, ADMIN, rule_of(limits))
    assert (caught.value.code, caught.value.facts) == (Code.LIMIT_ZERO, {"option": name})
    assert (await service.quota(GUILD, TOM)).rule.limits == Limits(videos=10)
    assert [rule.scope for rule in await service.show(GUILD)] == [Scope.DEFAULT]


async def test_a_cooldown_of_zero_is_none(service: LimitService) -> None:
    await service.change(GUILD, ADMIN, server(Limits(cooldown=60)))
    await service.change(GUILD, ADMIN, member(Limits(cooldown=0)))
    assert (await service.quota(GUILD, TOM)).rule.limits.cooldown == 0


async def test_a_change_keeps_what_it_does_not_name(service: LimitService) -> None:
    await service.change(GUILD, ADMIN, server(Limits(videos=4, period=Period.WEEK)))
    await service.change(GUILD, ADMIN, member(Limits(videos=5)))
    await service.change(GUILD, ADMIN, server(Limits(videos=6)))
    default, *own = await service.show(GUILD)
    assert default.limits == Limits(videos=10)
    assert own == [server(Limits(videos=6, period=Period.WEEK)), member(Limits(videos=5))]


async def test_a_reset_member_follows_the_servers_rule_and_counts_from_now(
    world: World, service: LimitService
) -> None:
    worker = world.start()
    await world.ask(worker)
    await service.change(GUILD, ADMIN, server(Limits(videos=6)))
    await service.change(GUILD, ADMIN, member(Limits(videos=5)))
    await service.reset(GUILD, ADMIN, TOM)
    quota = await service.quota(GUILD, TOM)
    assert (quota.rule.limits.videos, quota.rule.sources[VIDEOS]) == (6, Scope.SERVER)
    assert quota.usage.of(VIDEOS) == 0


async def test_every_change_is_in_the_audit_trail(world: World, service: LimitService) -> None:
    await service.change(GUILD, ADMIN, server(Limits(videos=6, period=Period.DAY)))
    await service.change(GUILD, ADMIN, member(Limits(cooldown=0)))
    await service.reset(GUILD, ADMIN, TOM)
    trail = raw("SELECT actor_id, action, subject, details FROM audit ORDER BY id")
    assert await world.storage.read(trail) == [
        (ADMIN, "limits.server", "", '{"videos":6,"period":"day"}'),
        (ADMIN, "limits.member", str(TOM), '{"cooldown":0}'),
        (ADMIN, "limits.reset", str(TOM), "{}"),
    ]


async def test_there_are_no_limits_to_set_in_direct_messages(service: LimitService) -> None:
    with pytest.raises(Refused) as changed:
        await service.change(DIRECT, ADMIN, member(Limits(videos=1)))
    with pytest.raises(Refused) as reset:
        await service.reset(DIRECT, ADMIN, TOM)
    assert changed.value.code is reset.value.code is Code.GUILD_ONLY
