"""Commands are registered only if Discord has others."""

import logging
from typing import Any

import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import STUDIO
from tests.integration.flows.conftest import Retake, Starting

COMMANDS = "/applications/{application_id}/commands"


def puts(standin: DiscordStandIn) -> int:
    return sum(
        exchange["method"] == "PUT" and str(exchange["route"]).endswith("/commands")
        for exchange in standin.exchanges
    )


async def test_a_restart_registers_nothing_again(start: Starting) -> None:
    first: Retake = await start()
    assert puts(first.standin) == 1
    again: Retake = await start()
    assert puts(again.standin) == 1


def renamed(command: dict[str, Any]) -> None:
    command["description"] = "Something else"


def widened(command: dict[str, Any]) -> None:
    command["contexts"] = [0, 1, 2]


def translated(command: dict[str, Any]) -> None:
    command["description_localizations"] = {"de": "Anders"}


def shortened(command: dict[str, Any]) -> None:
    command["options"] = command["options"][:-1]


@pytest.mark.parametrize("change", [renamed, widened, translated, shortened])
async def test_what_differs_is_registered(start: Starting, change: Any) -> None:
    first: Retake = await start()
    change(next(c for c in first.standin.commands.registered(None) if c["name"] == "video"))
    await start()
    assert puts(first.standin) == 2
    await start()
    assert puts(first.standin) == 2


async def test_the_commands_of_one_server_are_compared_too(start: Starting) -> None:
    first: Retake = await start(sync_guild=int(STUDIO))
    await start(sync_guild=int(STUDIO))
    assert puts(first.standin) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "80000"}},
        {"drop": "before"},
        {"status": 200, "body": {"no": "list"}},
    ],
)
async def test_commands_that_cannot_be_compared_keep_nobody_from_starting(
    standin: DiscordStandIn, start: Starting, fault: dict[str, Any]
) -> None:
    standin.faults.order({"method": "GET", "route": COMMANDS} | fault)
    retake: Retake = await start()
    assert retake.client.is_ready()


async def test_nothing_is_said_about_voice(
    start: Starting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await start()
    assert [record for record in caplog.records if "voice" in record.getMessage()] == []
