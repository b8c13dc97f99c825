"""Bare requests as the bot, and a stand-in that does not validate against Discord's document."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.discord import DiscordStandIn
from tests.integration.discord_standin.bare_api import BareApi


@pytest.fixture
def lenient(standin: DiscordStandIn) -> None:
    standin.rest.validator = None


@pytest.fixture
async def api(standin: DiscordStandIn) -> AsyncIterator[BareApi]:
    async with aiohttp.ClientSession() as session:
        yield BareApi(standin, session)
