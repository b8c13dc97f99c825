"""Who may do what at the stand-in, what does not exist there, and broken requests."""

from typing import Any

import aiohttp
import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import ANNOUNCEMENTS, GENERAL, STUDIO, TOM
from tests.integration.discord_client import OwnedClock
from tests.integration.discord_standin.bare_api import BareApi

pytestmark = pytest.mark.usefixtures("lenient")


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("POST", "/channels/1/messages", {"content": "x"}, (404, 10003)),
        ("GET", f"/channels/{GENERAL}/messages/1", None, (404, 10008)),
        ("PATCH", f"/channels/{GENERAL}/messages/1", {"content": "x"}, (404, 10008)),
        ("GET", "/guilds/1", None, (404, 10004)),
        ("GET", f"/guilds/{STUDIO}/members/1", None, (404, 10013)),
        ("GET", "/users/1", None, (404, 10013)),
        ("POST", "/interactions/1/x/callback", {"type": 5}, (404, 10062)),
        ("POST", "/webhooks/1/x", {"content": "x"}, (404, 10015)),
        ("POST", f"/channels/{ANNOUNCEMENTS}/messages", {"content": "x"}, (403, 50013)),
        ("POST", f"/channels/{ANNOUNCEMENTS}/typing", None, (403, 50013)),
        ("DELETE", f"/channels/{GENERAL}", None, (403, 50013)),
        ("PUT", "/applications/1/commands", [], (404, 10002)),
    ],
)
async def test_refusals(
    api: BareApi, method: str, path: str, body: Any, refusal: tuple[int, int]
) -> None:
    status, answer = await api(method, path, body)
    assert (status, answer["code"]) == refusal


async def test_without_a_token(standin: DiscordStandIn) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{standin.base_url}/api/v10/users/@me") as response,
    ):
        assert response.status == 401
        assert response.headers["Content-Type"] == "application/json"


@pytest.mark.expect_unhandled
async def test_an_unknown_route(api: BareApi, standin: DiscordStandIn) -> None:
    status, _ = await api("POST", "/guilds/1/nonsense", {})
    assert status == 404
    assert standin.unhandled == [{"method": "POST", "path": "/api/v10/guilds/1/nonsense"}]


@pytest.mark.expect_crashes
async def test_a_crash_in_a_handler(api: BareApi, standin: DiscordStandIn) -> None:
    del standin.world.users[standin.world.bot_id]
    status, _ = await api("GET", "/users/@me")
    assert status == 500
    assert "KeyError" in standin.crashes[0]["error"]


async def test_broken_json(standin: DiscordStandIn) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{standin.base_url}/api/v10/channels/{GENERAL}/messages",
            data=b"{no",
            headers={
                "Authorization": f"Bot {standin.token}",
                "Content-Type": "application/json",
            },
        ) as response,
    ):
        assert (response.status, (await response.json())["code"]) == (400, 50109)


async def test_closed_direct_messages(api: BareApi, standin: DiscordStandIn) -> None:
    _, dm = await api("POST", "/users/@me/channels", {"recipient_id": TOM})
    url = f"/channels/{dm['id']}/messages"
    assert (await api("POST", url, {"content": "x"}))[0] == 200
    standin.world.users[TOM].dms_open = False
    status, answer = await api("POST", url, {"content": "x"})
    assert (status, answer["code"]) == (403, 50007)


async def test_others_messages_are_not_the_bots(api: BareApi, standin: DiscordStandIn) -> None:
    sent = await standin.people.send("mira", "general", "mine")
    url = f"/channels/{GENERAL}/messages/{sent['id']}"
    assert (await api("PATCH", url, {"content": "x"}))[1]["code"] == 50005
    assert (await api("DELETE", url))[1]["code"] == 50013


async def test_edits_of_an_old_message_run_out(
    api: BareApi, standin: DiscordStandIn, clock: OwnedClock
) -> None:
    _, sent = await api("POST", f"/channels/{GENERAL}/messages", {"content": "x"})
    url = f"/channels/{GENERAL}/messages/{sent['id']}"
    for _ in range(20):
        assert (await api("PATCH", url, {"content": "y"}))[0] == 200
    clock.now += 3601
    answers = [await api("PATCH", url, {"content": "z"}) for _ in range(11)]
    assert [status for status, _ in answers] == [200] * 10 + [429]
    assert answers[-1][1]["code"] == 30046
