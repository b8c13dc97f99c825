"""Faults on order: statuses, delays, dropped connections, rate limits, seen by a real client."""

import aiohttp
import discord
import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import GENERAL
from tests.integration.discord_client import Bot, OwnedClock

MESSAGES = "/channels/{channel.id}/messages"


async def test_a_status_once_and_without_effect(bot: Bot) -> None:
    bot.standin.faults.order(
        {
            "method": "POST",
            "route": MESSAGES,
            "status": 403,
            "body": {"code": 50001, "message": "No"},
        }
    )
    with pytest.raises(discord.Forbidden) as refused:
        await bot.channel("general").send("x")
    assert refused.value.code == 50001
    await bot.channel("general").send("y")
    assert [m.content for m in bot.standin.world.channels[GENERAL].messages.values()] == ["y"]


async def test_a_server_error_is_retried_by_the_client(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def at_once(seconds: float) -> None:
        waits.append(seconds)

    bot.standin.faults.order({"method": "*", "route": "*", "status": 502, "times": 2})
    monkeypatch.setattr("discord.http.asyncio.sleep", at_once)
    await bot.channel("general").send("x")
    assert waits == [1, 3]


@pytest.mark.parametrize(("drop", "kept"), [("before", 0), ("after", 1)])
async def test_a_dropped_connection_before_or_after_the_effect(
    bot: Bot, drop: str, kept: int
) -> None:
    bot.standin.faults.order({"method": "POST", "route": MESSAGES, "drop": drop})
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await bot.channel("general").send("x", nonce="n-1")
    assert len(bot.standin.world.channels[GENERAL].messages) == kept
    again = await bot.channel("general").send("x", nonce="n-1")
    assert list(bot.standin.world.channels[GENERAL].messages) == [str(again.id)]


async def test_a_rate_limit_is_waited_for(bot: Bot) -> None:
    bot.standin.faults.order(
        {"method": "POST", "route": MESSAGES, "status": 429, "headers": {"Retry-After": 0.05}}
    )
    await bot.channel("general").send("x")
    statuses = [exchange["status"] for exchange in bot.standin.exchanges[-2:]]
    assert statuses == [429, 200]


async def test_strict_limits_refuse_the_sixth_message(bot: Bot, clock: OwnedClock) -> None:
    bot.standin.limits.strict = True
    url = f"{bot.standin.base_url}/api/v10/channels/{GENERAL}/messages"
    headers = {"Authorization": f"Bot {bot.standin.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def send() -> tuple[int, dict, dict]:
            async with session.post(url, json={"content": "x"}) as response:
                return response.status, dict(response.headers), await response.json()

        answers = [await send() for _ in range(6)]
        assert [status for status, _, _ in answers] == [200] * 5 + [429]
        assert [headers["X-RateLimit-Remaining"] for _, headers, _ in answers] == list("432100")
        _, limited, body = answers[-1]
        assert limited["Via"]
        assert body["retry_after"] == 5
        clock.now += 5
        assert (await send())[0] == 200


async def test_a_fault_may_delay(bot: Bot) -> None:
    fault = bot.standin.faults.order({"method": "POST", "route": MESSAGES, "delay": 0.01})
    await bot.channel("general").send("x")
    assert fault.times == 0


@pytest.mark.parametrize(
    "order", [{}, {"drop": "sometimes"}, {"status": 500, "wen": 1}, {"method": "POST"}]
)
async def test_a_fault_that_makes_no_sense_is_refused(standin: DiscordStandIn, order: dict) -> None:
    with pytest.raises(ValueError, match=r"drop|fault"):
        standin.faults.order(order)


async def test_cleared_faults_do_nothing(bot: Bot) -> None:
    bot.standin.faults.order({"status": 500, "times": 9})
    bot.standin.faults.clear()
    await bot.channel("general").send("x")
