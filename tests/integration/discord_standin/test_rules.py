"""Every rule that Discord's document does not carry, over the bare wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import ANNOUNCEMENTS, GENERAL, STUDIO, TOM
from tests.integration.discord_client import OwnedClock

# What a broken rule sends is often outside the document too; other tests check the document.
pytestmark = pytest.mark.usefixtures("lenient")
Json = dict[str, Any]
V2 = 32768


@pytest.fixture
def lenient(standin: DiscordStandIn) -> None:
    standin.rest.validator = None


class Wire:
    """Bare requests as the bot."""

    def __init__(self, standin: DiscordStandIn, session: aiohttp.ClientSession) -> None:
        self._standin = standin
        self._session = session
        self._url = f"{standin.base_url}/api/v10"
        self._headers = {"Authorization": f"Bot {standin.token}"}

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(
            method, self._url + path, json=body, headers=self._headers
        ) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def files(self, path: str, payload: Json, *names: str) -> tuple[int, Any]:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", json.dumps(payload))
        for index, name in enumerate(names):
            form.add_field(f"files[{index}]", b"bytes", filename=name)
        async with self._session.post(
            self._url + path, data=form, headers=self._headers
        ) as response:
            return response.status, await response.json()


@pytest.fixture
async def wire(standin: DiscordStandIn) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        yield Wire(standin, session)


def fault_at(answer: Json, path: str) -> str:
    """The first code of the fault at a path, or an error that shows where the faults are."""
    node = answer.get("errors", {})
    for step in path.split(".") if path else []:
        assert step in node, f"no fault at {path}: {answer}"
        node = node[step]
    return node["_errors"][0]["code"]


def row(*components: Json) -> Json:
    return {"type": 1, "components": list(components)}


def button(custom_id: str | None = "a", **extra: Any) -> Json:
    return {"type": 2, "style": 1, "label": "A", "custom_id": custom_id} | extra


def text(content: str = "words") -> Json:
    return {"type": 10, "content": content}


def embeds(*sizes: int) -> list[Json]:
    return [{"description": "x" * size} for size in sizes]


BAD_MESSAGES = {
    "content too long": ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
    "embeds too long together": (
        {"embeds": embeds(3000, 3001)},
        "embeds",
        "MAX_EMBED_SIZE_EXCEEDED",
    ),
    "an embed's description": (
        {"embeds": embeds(4097)},
        "embeds.0.description",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "an empty embed": ({"embeds": [{}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
    "eleven embeds": ({"embeds": embeds(*[1] * 11)}, "embeds", "BASE_TYPE_MAX_LENGTH"),
    "six rows": (
        {"components": [row(button(str(n))) for n in range(6)]},
        "components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "six buttons in a row": (
        {"components": [row(*[button(str(n)) for n in range(6)])]},
        "components.0.components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a custom id twice": (
        {"components": [row(button("a")), row(button("a"))]},
        "components.1.components.0.custom_id",
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    "a button without custom id": (
        {"components": [row(button(None))]},
        "components.0.components.0.custom_id",
        "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
    ),
    "a custom id too long": (
        {"components": [row(button("x" * 101))]},
        "components.0.components.0.custom_id",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a button without label and emoji": (
        {"components": [row(button(label=None))]},
        "components.0.components.0",
        "BUTTON_COMPONENT_INVALID",
    ),
    "a link with a custom id": (
        {"components": [row(button(style=5, url="https://example.org"))]},
        "components.0.components.0.custom_id",
        "BUTTON_COMPONENT_CUSTOM_ID_AND_URL_MUTUALLY_EXCLUSIVE",
    ),
    "a link to nowhere": (
        {"components": [row(button(None, style=5))]},
        "components.0.components.0.url",
        "BUTTON_COMPONENT_URL_REQUIRED",
    ),
    "a select beside a button": (
        {"components": [row(button(), {"type": 5, "custom_id": "s"})]},
        "components.0.components",
        "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
    ),
    "a select without options": (
        {"components": [row({"type": 3, "custom_id": "s", "options": []})]},
        "components.0.components.0.options",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a select's option twice": (
        {
            "components": [
                row({"type": 3, "custom_id": "s", "options": [{"label": "a", "value": "a"}] * 2})
            ]
        },
        "components.0.components.0.options.1.value",
        "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
    ),
    "a layout's part without the flag": (
        {"components": [text()]},
        "components.0.type",
        "UNION_TYPE_CHOICES",
    ),
    "a layout with content": (
        {"flags": V2, "content": "x", "components": [text()]},
        "content",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "a layout with embeds": (
        {"flags": V2, "embeds": embeds(1), "components": [text()]},
        "embeds",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "a layout without anything": ({"flags": V2}, "components", "BASE_TYPE_REQUIRED"),
    "a layout's text": (
        {
            "flags": V2,
            "components": [text("x" * 2001), {"type": 17, "components": [text("x" * 2000)]}],
        },
        "components",
        "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
    ),
    "41 components through nesting": (
        {"flags": V2, "components": [{"type": 17, "components": [text("x")] * 40}]},
        "components",
        "COMPONENT_LAYOUT_MAX_COMPONENTS_EXCEEDED",
    ),
    "a container in a container": (
        {"flags": V2, "components": [{"type": 17, "components": [{"type": 17, "components": []}]}]},
        "components.0.components.0.type",
        "UNION_TYPE_CHOICES",
    ),
    "a section without its accessory": (
        {"flags": V2, "components": [{"type": 9, "components": [text()]}]},
        "components.0.accessory",
        "BASE_TYPE_REQUIRED",
    ),
    "a gallery of nothing attached": (
        {
            "flags": V2,
            "components": [{"type": 12, "items": [{"media": {"url": "attachment://no.mp4"}}]}],
        },
        "components.0.items.0.media.url",
        "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
    ),
    "a file from elsewhere": (
        {"flags": V2, "components": [{"type": 13, "file": {"url": "https://example.org/a"}}]},
        "components.0.file.url",
        "UNFURLED_MEDIA_ITEM_ATTACHMENT_REQUIRED",
    ),
    "an attachment that was not sent": (
        {"content": "x", "attachments": [{"id": "3", "filename": "a.mp4"}]},
        "attachments.0.id",
        "ATTACHMENT_NOT_FOUND",
    ),
    "mentions parsed and listed": (
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": [TOM]}},
        "allowed_mentions.parse",
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
    ),
    "an unknown reply target": (
        {"content": "x", "message_reference": {"message_id": "1"}},
        "message_reference",
        "REPLIES_UNKNOWN_MESSAGE",
    ),
    "a nonce too long": ({"content": "x", "nonce": "n" * 26}, "nonce", "NONCE_TYPE_TOO_LONG"),
}


@pytest.mark.parametrize(("body", "path", "code"), BAD_MESSAGES.values(), ids=BAD_MESSAGES.keys())
async def test_a_bad_message(
    wire: Wire, standin: DiscordStandIn, body: Json, path: str, code: str
) -> None:
    status, answer = await wire("POST", f"/channels/{GENERAL}/messages", body)
    assert (status, answer["code"], answer["message"]) == (400, 50035, "Invalid Form Body")
    assert fault_at(answer, path) == code
    assert not standin.world.channels[GENERAL].messages


GOOD_MESSAGES = {
    "content": {"content": "x" * 2000},
    "embeds": {"embeds": embeds(3000, 3000)},
    "five rows": {"components": [row(button(str(n))) for n in range(5)]},
    "an emoji alone": {"components": [row(button(label=None, emoji={"name": "🦊"}))]},
    "a link": {"components": [row(button(None, style=5, url="https://example.org"))]},
    "a layout": {"flags": V2, "components": [text("x" * 4000)]},
    "40 components": {"flags": V2, "components": [{"type": 17, "components": [text()] * 39}]},
    "an unknown reply target that may fail": {
        "content": "x",
        "message_reference": {"message_id": "1", "fail_if_not_exists": False},
    },
}


@pytest.mark.parametrize("body", GOOD_MESSAGES.values(), ids=GOOD_MESSAGES.keys())
async def test_a_message_at_the_limit(wire: Wire, body: Json) -> None:
    if "content" not in body and "embeds" not in body and not body.get("flags"):
        body = body | {"content": "x"}
    status, answer = await wire("POST", f"/channels/{GENERAL}/messages", body)
    assert status == 200, answer


@pytest.mark.parametrize("body", [{}, {"content": "  "}, {"content": None, "embeds": []}])
async def test_an_empty_message(wire: Wire, body: Json) -> None:
    status, answer = await wire("POST", f"/channels/{GENERAL}/messages", body)
    assert (status, answer["code"]) == (400, 50006)


async def test_every_fault_of_a_message_is_named_at_once(wire: Wire) -> None:
    body = {"content": "x" * 2001, "components": [row(button(None), button(label=None))]}
    _, answer = await wire("POST", f"/channels/{GENERAL}/messages", body)
    assert fault_at(answer, "content")
    _, answer = await wire("POST", f"/channels/{GENERAL}/messages", body | {"content": "x"})
    assert fault_at(answer, "components.0.components.0.custom_id")
    assert fault_at(answer, "components.0.components.1")


async def test_a_layout_finds_a_file_by_the_name_it_was_given(wire: Wire) -> None:
    gallery = {"type": 12, "items": [{"media": {"url": "attachment://my film.mp4"}}]}
    status, answer = await wire.files(
        f"/channels/{GENERAL}/messages",
        {
            "flags": V2,
            "components": [gallery],
            "attachments": [{"id": 0, "filename": "my film.mp4"}],
        },
        "my film.mp4",
    )
    assert status == 200
    assert "my_film.mp4" in answer["components"][0]["items"][0]["media"]["url"]


# Commands


def command(**extra: Any) -> Json:
    return {"name": "video", "description": "Make a video", "type": 1} | extra


def option(name: str = "prompt", **extra: Any) -> Json:
    return {"type": 3, "name": name, "description": "What"} | extra


BAD_COMMANDS = {
    "capital letters": ([command(name="Video")], "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
    "a space": ([command(name="a video")], "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
    "a long name": ([command(name="x" * 33)], "0.name", "BASE_TYPE_BAD_LENGTH"),
    "the same twice": (
        [command(), command()],
        "1.name",
        "APPLICATION_COMMANDS_DUPLICATE_NAME",
    ),
    "no description": ([command(description="")], "0.description", "BASE_TYPE_REQUIRED"),
    "a menu with a description": (
        [command(name="Edit video", type=3)],
        "0.description",
        "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION_FORBIDDEN",
    ),
    "required after optional": (
        [command(options=[option("a"), option("b", required=True)])],
        "0.options.1",
        "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
    ),
    "an option twice": (
        [command(options=[option(), option()])],
        "0.options.1.name",
        "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
    ),
    "26 options": (
        [command(options=[option(f"o{n}") for n in range(26)])],
        "0.options",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "26 choices": (
        [command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])])],
        "0.options.0.choices",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "choices and autocomplete": (
        [command(options=[option(choices=[{"name": "a", "value": "a"}], autocomplete=True)])],
        "0.options.0.autocomplete",
        "APPLICATION_COMMAND_OPTIONS_CHOICES_AND_AUTOCOMPLETE",
    ),
    "a subcommand beside an option": (
        [command(options=[option("a", type=1), option("b")])],
        "0.options",
        "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
    ),
    "an unknown language": (
        [command(name_localizations={"xx": "film"})],
        "0.name_localizations.xx",
        "BASE_TYPE_CHOICES",
    ),
}


@pytest.mark.parametrize(("bodies", "path", "code"), BAD_COMMANDS.values(), ids=BAD_COMMANDS.keys())
@pytest.mark.parametrize("scope", ["", f"/guilds/{STUDIO}"])
async def test_a_bad_command(
    wire: Wire, standin: DiscordStandIn, bodies: list[Json], path: str, code: str, scope: str
) -> None:
    url = f"/applications/{standin.application_id}{scope}/commands"
    status, answer = await wire("PUT", url, bodies)
    assert (status, answer["code"]) == (400, 50035)
    assert fault_at(answer, path) == code
    assert (await wire("GET", url))[1] == []


@pytest.mark.parametrize(("kind", "limit"), [(1, 100), (3, 15), (2, 15)])
async def test_how_many_commands_there_may_be(
    wire: Wire, standin: DiscordStandIn, kind: int, limit: int
) -> None:
    def many(count: int) -> list[Json]:
        described = {"description": "x"} if kind == 1 else {}
        return [{"name": f"c{n}", "type": kind} | described for n in range(count)]

    url = f"/applications/{standin.application_id}/commands"
    assert (await wire("PUT", url, many(limit)))[0] == 200
    status, answer = await wire("PUT", url, many(limit + 1))
    assert (status, answer["code"]) == (400, 30032)
    extra = many(limit + 1)[-1]
    assert (await wire("POST", url, extra))[1]["code"] == 30032


async def test_commands_keep_their_ids(wire: Wire, standin: DiscordStandIn) -> None:
    url = f"/applications/{standin.application_id}/commands"
    menu = {"name": "Edit video", "type": 3}
    _, first = await wire("PUT", url, [command(), menu])
    _, second = await wire("PUT", url, [command(description="Another"), menu])
    assert [item["id"] for item in first] == [item["id"] for item in second]
    assert first[0]["version"] != second[0]["version"]
    assert first[1]["version"] == second[1]["version"]
    assert (await wire("DELETE", f"{url}/{first[0]['id']}"))[0] == 204
    assert (await wire("GET", f"{url}/{first[0]['id']}"))[1]["code"] == 10063
    _, edited = await wire("PATCH", f"{url}/{first[1]['id']}", {"name": "Edit this"})
    assert edited["name"] == "Edit this"


# Modals and autocomplete


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


async def pending(wire: Wire, standin: DiscordStandIn) -> str:
    """The callback address of a command just used."""
    url = f"/applications/{standin.application_id}/commands"
    await wire("PUT", url, [command()])
    await standin.people.command("mira", "general", "video")
    begun = (await standin.wait("INTERACTION_CREATE"))["data"]
    return f"/interactions/{begun['id']}/{begun['token']}/callback"


@pytest.mark.parametrize(("body", "path", "code"), BAD_CALLBACKS.values(), ids=BAD_CALLBACKS.keys())
async def test_a_bad_callback(
    wire: Wire, standin: DiscordStandIn, body: Json, path: str, code: str
) -> None:
    url = await pending(wire, standin)
    status, answer = await wire("POST", url, body)
    assert (status, answer["code"]) == (400, 50035)
    assert fault_at(answer, path) == code
    # A refused callback was none: the interaction still waits for one.
    assert (await wire("POST", url, {"type": 4, "data": {"content": "ok"}}))[0] == 204


async def test_more_than_25_choices(wire: Wire, standin: DiscordStandIn) -> None:
    typed = option("prompt", autocomplete=True)
    url = f"/applications/{standin.application_id}/commands"
    await wire("PUT", url, [command(options=[typed])])
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(
            standin.people.autocomplete("mira", "general", "video", focused="prompt")
        )
        begun = (await standin.wait("INTERACTION_CREATE"))["data"]
        callback = f"/interactions/{begun['id']}/{begun['token']}/callback"
        many = [{"name": str(n), "value": str(n)} for n in range(26)]
        _, answer = await wire("POST", callback, {"type": 8, "data": {"choices": many}})
        assert fault_at(answer, "data.choices") == "BASE_TYPE_MAX_LENGTH"
        await wire("POST", callback, {"type": 8, "data": {"choices": many[:25]}})
    assert len(asked.result()) == 25


# Who may, and what there is


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
    wire: Wire, method: str, path: str, body: Any, refusal: tuple[int, int]
) -> None:
    status, answer = await wire(method, path, body)
    assert (status, answer["code"]) == refusal


async def test_without_a_token(standin: DiscordStandIn) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{standin.base_url}/api/v10/users/@me") as response,
    ):
        assert response.status == 401
        assert response.headers["Content-Type"] == "application/json"


@pytest.mark.expect_unhandled
async def test_an_unknown_route(wire: Wire, standin: DiscordStandIn) -> None:
    status, _ = await wire("POST", "/guilds/1/nonsense", {})
    assert status == 404
    assert standin.unhandled == [{"method": "POST", "path": "/api/v10/guilds/1/nonsense"}]


@pytest.mark.expect_crashes
async def test_a_crash_in_a_handler(wire: Wire, standin: DiscordStandIn) -> None:
    del standin.world.users[standin.world.bot_id]
    status, _ = await wire("GET", "/users/@me")
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


async def test_closed_direct_messages(wire: Wire, standin: DiscordStandIn) -> None:
    _, dm = await wire("POST", "/users/@me/channels", {"recipient_id": TOM})
    url = f"/channels/{dm['id']}/messages"
    assert (await wire("POST", url, {"content": "x"}))[0] == 200
    standin.world.users[TOM].dms_open = False
    status, answer = await wire("POST", url, {"content": "x"})
    assert (status, answer["code"]) == (403, 50007)


async def test_others_messages_are_not_the_bots(wire: Wire, standin: DiscordStandIn) -> None:
    sent = await standin.people.send("mira", "general", "mine")
    url = f"/channels/{GENERAL}/messages/{sent['id']}"
    assert (await wire("PATCH", url, {"content": "x"}))[1]["code"] == 50005
    assert (await wire("DELETE", url))[1]["code"] == 50013


async def test_edits_of_an_old_message_run_out(
    wire: Wire, standin: DiscordStandIn, clock: OwnedClock
) -> None:
    _, sent = await wire("POST", f"/channels/{GENERAL}/messages", {"content": "x"})
    url = f"/channels/{GENERAL}/messages/{sent['id']}"
    for _ in range(20):
        assert (await wire("PATCH", url, {"content": "y"}))[0] == 200
    clock.now += 3601
    answers = [await wire("PATCH", url, {"content": "z"}) for _ in range(11)]
    assert [status for status, _ in answers] == [200] * 10 + [429]
    assert answers[-1][1]["code"] == 30046
