"""Limits as people set them: what is refused, and that a refusal changes nothing."""

from dataclasses import replace

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.ids import UserId
from bot.domain.quota import LimitChanges, Limits
from bot.services.limits import LimitService
from tests.unit.services.conftest import GUILD, TOM, World

ADMIN = UserId(9)


@pytest.fixture
def limit_service(world: World) -> LimitService:
    return LimitService(storage=world.storage, clock=world.clock, default=Limits())


@pytest.mark.parametrize("name", ["videos", "seconds", "concurrent"])
async def test_zero_never_lifts_a_limit(limit_service: LimitService, name: str) -> None:
    changes = replace(LimitChanges(cooldown=5), **{name: 0})
    with pytest.raises(Refused) as server:
        await limit_service.set_server(GUILD, ADMIN, changes)
    with pytest.raises(Refused) as member:
        await limit_service.set_member(GUILD, ADMIN, TOM, changes)
    for caught in (server, member):
        assert (caught.value.code, caught.value.facts) == (Code.LIMIT_ZERO, {"option": name})
    assert (await limit_service.mine(GUILD, TOM)).rule.limits == Limits()
    assert (await limit_service.show(GUILD)).server is None


async def test_a_pause_of_zero_is_none(limit_service: LimitService) -> None:
    await limit_service.set_server(GUILD, ADMIN, LimitChanges(cooldown=60))
    quota = await limit_service.set_member(GUILD, ADMIN, TOM, LimitChanges(cooldown=0))
    assert quota.rule.limits.cooldown == 0
