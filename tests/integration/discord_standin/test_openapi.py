"""The validator finds planted violations in both directions and passes only known false alarms."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.discord.rules.errors import DiscordError, Form, rate_limited, unknown
from sandbox.discord.state.seed import GENERAL
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.integration.discord_client import Bot

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
COMMANDS = "/applications/{application_id}/commands"
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"


@pytest.fixture
async def answer(bot: Bot) -> dict[str, Any]:
    """A message as the stand-in answers it."""
    sent = await bot.channel("general").send("x")
    return bot.standin.render.message(bot.standin.world.messages[str(sent.id)])


def validated(validator: OpenApiValidator, answer: Any = None, **changed: Any) -> list[str]:
    exchange: dict[str, Any] = {
        "method": "POST",
        "template": MESSAGES,
        "query": {},
        "request": {"content": "x"},
        "files": None,
        "status": 200,
        "response": answer,
    }
    return validator.exchange(**exchange | changed)


async def test_an_honest_exchange(validator: OpenApiValidator, answer: Any) -> None:
    assert validated(validator, answer) == []


@pytest.mark.parametrize(
    "request_body",
    [
        {"content": 5},
        {"content": "x", "contents": "x"},
        {"content": "x" * 4001},
        {"tts": "yes"},
        {"embeds": [{"title": "x", "colour": 5}]},
        {"components": [{"type": 1, "components": [{"type": 2, "style": 99}]}]},
        {"attachments": [{"filename": "a"}]},
        {"message_reference": {"message_id": "abc"}},
        None,
    ],
)
async def test_a_planted_request(
    validator: OpenApiValidator, answer: Any, request_body: Any
) -> None:
    [*violations] = validated(validator, answer, request=request_body)
    assert violations
    assert all(text.startswith("request:") for text in violations)


@pytest.mark.parametrize(
    "planted",
    [
        {"id": 5},
        {"channel_id": "no number"},
        {"made_up": True},
        {"timestamp": "yesterday"},
        {"author": {"id": "1"}},
        {"attachments": [{"id": "1"}]},
        {"components": [{"type": 10, "content": "x"}]},
    ],
)
async def test_a_planted_answer(validator: OpenApiValidator, answer: Any, planted: Any) -> None:
    violations = validated(validator, answer | planted)
    assert violations
    assert all(text.startswith("answer:") for text in violations)


@pytest.mark.parametrize("missing", ["author", "edited_timestamp", "flags", "mentions", "type"])
async def test_an_answer_with_something_missing(
    validator: OpenApiValidator, answer: Any, missing: str
) -> None:
    del answer[missing]
    assert validated(validator, answer)


@pytest.mark.parametrize(
    "changed",
    [
        {"template": "/made/up"},
        {"method": "PUT"},
        {"query": {"wait": "true"}},
        {"status": 302},
        {"status": 400, "response": {"message": "no code"}},
        {"status": 429, "response": {"message": "m", "code": 0}},
        {"status": 400, "response": {"message": "m", "code": 1, "made_up": 1}},
        {"files": [0], "request": {"attachments": [{"id": "1", "filename": "a"}]}},
    ],
)
async def test_what_is_around_the_bodies(
    validator: OpenApiValidator, answer: Any, changed: Any
) -> None:
    assert validated(validator, **{"response": answer} | changed)


ALARMS: dict[str, dict[str, Any]] = {
    "snowflakes as integers": {"request": {"message_reference": {"message_id": 5}}},
    "an embed's flags": {"request": {"embeds": [{"title": "x", "flags": 0}]}},
    "a command's nsfw": {
        "template": COMMANDS,
        "method": "PUT",
        "request": [{"name": "video", "description": "x", "type": 1, "nsfw": False}],
        "response": [],
    },
    "a kept attachment": {
        "template": MESSAGE,
        "method": "PATCH",
        "request": {
            "attachments": [
                {
                    "id": 5,
                    "filename": "a.mp4",
                    "content_type": "video/mp4",
                    "proxy_url": "http://x/",
                    "size": 5,
                    "url": "http://x/",
                    "spoiler": False,
                }
            ]
        },
    },
    "an edit's tts": {"template": MESSAGE, "method": "PATCH", "request": {"tts": False}},
}


@pytest.mark.parametrize("exchange", ALARMS.values(), ids=ALARMS.keys())
async def test_false_alarms_pass(validator: OpenApiValidator, answer: Any, exchange: Any) -> None:
    assert validated(validator, **{"response": answer} | exchange) == []


@pytest.mark.parametrize(
    "exchange",
    [
        {"template": MESSAGE, "method": "PATCH", "request": {"nsfw": False}},
        {"template": MESSAGE, "method": "PATCH", "request": {"flagz": 0}},
        {"template": CALLBACK, "request": {"type": 9, "data": {"title": "x"}}, "status": 204},
        {"request": {"embeds": [{"title": "x", "nsfw": False}]}},
    ],
)
async def test_no_other_alarm_passes(
    validator: OpenApiValidator, answer: Any, exchange: Any
) -> None:
    response = None if exchange.get("status") == 204 else answer
    assert validated(validator, **{"response": response} | exchange)


async def test_every_kind_of_error_the_stand_in_answers_fits(validator: OpenApiValidator) -> None:
    form = Form()
    form.required("data", "components", 0, "label")
    with pytest.raises(DiscordError) as refused:
        form.check()
    for error in (refused.value, unknown("Message"), rate_limited(2.5)):
        assert validated(validator, status=error.status, response=error.body) == []


@pytest.mark.expect_violations("contents")
async def test_a_violation_on_the_wire_is_kept_and_listed(bot: Bot) -> None:
    standin = bot.standin
    headers = {"Authorization": f"Bot {standin.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{standin.base_url}/api/v10/channels/{GENERAL}/messages"
        async with session.post(url, json={"content": "x", "contents": "x"}) as response:
            assert response.status == 200
        listing = f"{standin.base_url}/control/discord/exchanges"
        async with session.get(listing) as response:
            exchanges = await response.json()
    assert exchanges["violations"] == 1
    assert "contents" in exchanges["exchanges"][-1]["violations"][0]


def test_the_document_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETAKE_DISCORD_OPENAPI", str(tmp_path / "absent.json"))
    with pytest.raises(FileNotFoundError, match="RETAKE_DISCORD_OPENAPI"):
        OpenApiValidator.load()
