"""Every rule for callbacks, forms and choices that Discord's document does not carry."""

import asyncio
from typing import Any

import pytest

from sandbox.discord import DiscordStandIn
from tests.integration.discord_standin.bare_api import (
    BareApi,
    Json,
    button,
    command,
    fault_at,
    option,
)

pytestmark = pytest.mark.usefixtures("lenient")


def modal(*components: Json, **extra: Any) -> Json:
    return {"custom_id": "m", "title": "T", "components": list(components)} | extra


def label(component: Json, **extra: Any) -> Json:
    return {"type": 18, "label": "L", "component": component} | extra


def field(custom_id: str = "f", **extra: Any) -> Json:
    return {"type": 4, "custom_id": custom_id, "style": 1} | extra


BAD_CALLBACKS = {
    "an unknown type": ({"type": 3}, "type", "BASE_TYPE_CHOICES"),
    "an update of nothing": ({"type": 7, "data": {"content": "x"}}, "type", "BASE_TYPE_CHOICES"),
    "choices for a command": ({"type": 8, "data": {"choices": []}}, "type", "BASE_TYPE_CHOICES"),
    "content too long": (
        {"type": 4, "data": {"content": "x" * 2001}},
        "data.content",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a long title": (
        {"type": 9, "data": modal(label(field()), title="x" * 46)},
        "data.title",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "six fields": (
        {"type": 9, "data": modal(*[label(field(str(n))) for n in range(6)])},
        "data.components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a field twice": (
        {"type": 9, "data": modal(label(field()), label(field()))},
        "data.components.1.component.custom_id",
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    "a field without its label": (
        {"type": 9, "data": modal(field())},
        "data.components.0.type",
        "UNION_TYPE_CHOICES",
    ),
    "a button in a form": (
        {"type": 9, "data": modal(label(button()))},
        "data.components.0.component.type",
        "UNION_TYPE_CHOICES",
    ),
    "one radio button": (
        {
            "type": 9,
            "data": modal(
                label({"type": 21, "custom_id": "r", "options": [{"label": "a", "value": "a"}]})
            ),
        },
        "data.components.0.component.options",
        "BASE_TYPE_BAD_LENGTH",
    ),
}


async def pending(api: BareApi, standin: DiscordStandIn) -> str:
    """The callback address of a command just used."""
    url = f"/applications/{standin.application_id}/commands"
    await api("PUT", url, [command()])
    await standin.people.command("mira", "general", "video")
    begun = (await standin.wait("INTERACTION_CREATE"))["data"]
    return f"/interactions/{begun['id']}/{begun['token']}/callback"


@pytest.mark.parametrize(("body", "path", "code"), BAD_CALLBACKS.values(), ids=BAD_CALLBACKS.keys())
async def test_a_bad_callback(
    api: BareApi, standin: DiscordStandIn, body: Json, path: str, code: str
) -> None:
    url = await pending(api, standin)
    status, answer = await api("POST", url, body)
    assert (status, answer["code"]) == (400, 50035)
    assert fault_at(answer, path) == code
    # A refused callback was none: the interaction still waits for one.
    assert (await api("POST", url, {"type": 4, "data": {"content": "ok"}}))[0] == 204


async def test_more_than_25_choices(api: BareApi, standin: DiscordStandIn) -> None:
    typed = option("prompt", autocomplete=True)
    url = f"/applications/{standin.application_id}/commands"
    await api("PUT", url, [command(options=[typed])])
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(
            standin.people.autocomplete("mira", "general", "video", focused="prompt")
        )
        begun = (await standin.wait("INTERACTION_CREATE"))["data"]
        callback = f"/interactions/{begun['id']}/{begun['token']}/callback"
        many = [{"name": str(n), "value": str(n)} for n in range(26)]
        _, answer = await api("POST", callback, {"type": 8, "data": {"choices": many}})
        assert fault_at(answer, "data.choices") == "BASE_TYPE_MAX_LENGTH"
        await api("POST", callback, {"type": 8, "data": {"choices": many[:25]}})
    assert len(asked.result()) == 25
