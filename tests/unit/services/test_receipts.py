"""A receipt's quota is not read again after the hold, so it must agree with what is."""

from bot.domain.ids import GuildId, UserId
from bot.domain.request import VideoRequest
from bot.services.limits import LimitService
from tests.unit.services.conftest import GUILD, TOM, World


async def test_a_receipt_says_what_the_books_say(world: World) -> None:
    worker = world.start()
    limit_service = LimitService(
        storage=world.storage, clock=world.clock, default=world.policy.limits
    )
    for duration in (4, 7):
        receipt = await world.ask(worker, VideoRequest(prompt="a red kite", duration=duration))
        books = await limit_service.quota(GuildId(GUILD), UserId(TOM))
        assert receipt.quota == books
    assert books.usage.videos == books.usage.concurrent == 2
    assert books.usage.seconds == 11
    assert books.usage.last_at == world.clock.now()
