"""Discord by way of the operator's proxy: the API, the provider, the look of ``retake check``."""

import asyncio

import discord
import pytest
import yarl
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.operator.discord_check import inspect
from bot.providers.proxy import Proxy
from bot.ui.inbound.client import ClientOptions, RetakeClient
from sandbox.discord import DiscordStandIn
from sandbox.discord.wire import loopback
from tests.proxies import proxying

API = "http://discord.example/api/v10"


@pytest.fixture(autouse=True)
def _elsewhere(standin: DiscordStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = yarl.URL(standin.gateway_url).with_host("provider.discord.example").with_port(80)
    monkeypatch.setattr(Route, "BASE", API)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", provider)
    monkeypatch.setattr(Asset, "BASE", Asset.BASE)
    # The stand-in answers its own machine alone; these names lead to it through the proxy.
    names = {"discord.example", "provider.discord.example"}
    monkeypatch.setattr(loopback, "HOSTS", loopback.HOSTS | names)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_discord_is_reached_through_it(standin: DiscordStandIn, scheme: str) -> None:
    port = yarl.URL(standin.base_url).port
    assert port is not None
    async with proxying(port) as server:
        client = RetakeClient(
            extensions=(),
            options=ClientOptions(guild_ready_timeout=0.1, sync=False),
            connector=Proxy.parse(server.url(scheme)).connector(limit=0),
        )
        async with client, asyncio.TaskGroup() as group:
            await client.login(standin.token)
            connected = group.create_task(client.connect())
            async with asyncio.timeout(10):
                await client.wait_until_ready()
            await client.close()
            await asyncio.wait({connected})
    assert set(server.asked) == {"discord.example:80", "provider.discord.example:80"}


async def test_the_look_of_check_goes_through_it(standin: DiscordStandIn) -> None:
    port = yarl.URL(standin.base_url).port
    assert port is not None
    async with proxying(port) as server:
        report = await inspect(
            standin.token,
            api_url=API,
            gateway_url=str(DiscordWebSocket.DEFAULT_GATEWAY),
            connector=Proxy.parse(server.url("socks5")).connector(limit=0),
        )
    assert not report.refused
    assert not report.silent
    assert len(report.servers) == 2
    assert set(server.asked) == {"discord.example:80"}


async def test_a_proxy_that_is_away_is_one_that_discord_does_not_answer_through(
    standin: DiscordStandIn,
) -> None:
    connector = Proxy.parse("socks5://mira:s3cret@127.0.0.1:9").connector(limit=0)
    async with discord.Client(intents=discord.Intents.none(), connector=connector) as client:
        with pytest.raises(OSError, match="the proxy cannot be reached") as caught:
            await client.login(standin.token)
    assert "s3cret" not in str(caught.value)
