"""Every rule for messages that Discord's document does not carry."""

import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import GENERAL, TOM
from tests.integration.discord_standin.bare_api import BareApi, Json, button, fault_at, row, text

# What a broken rule sends is often outside the document too; other tests check the document.
pytestmark = pytest.mark.usefixtures("lenient")
V2 = 32768


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
    api: BareApi, standin: DiscordStandIn, body: Json, path: str, code: str
) -> None:
    status, answer = await api("POST", f"/channels/{GENERAL}/messages", body)
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
async def test_a_message_at_the_limit(api: BareApi, body: Json) -> None:
    if "content" not in body and "embeds" not in body and not body.get("flags"):
        body = body | {"content": "x"}
    status, answer = await api("POST", f"/channels/{GENERAL}/messages", body)
    assert status == 200, answer


@pytest.mark.parametrize("body", [{}, {"content": "  "}, {"content": None, "embeds": []}])
async def test_an_empty_message(api: BareApi, body: Json) -> None:
    status, answer = await api("POST", f"/channels/{GENERAL}/messages", body)
    assert (status, answer["code"]) == (400, 50006)


async def test_every_fault_of_a_message_is_named_at_once(api: BareApi) -> None:
    body = {"content": "x" * 2001, "components": [row(button(None), button(label=None))]}
    _, answer = await api("POST", f"/channels/{GENERAL}/messages", body)
    assert fault_at(answer, "content")
    _, answer = await api("POST", f"/channels/{GENERAL}/messages", body | {"content": "x"})
    assert fault_at(answer, "components.0.components.0.custom_id")
    assert fault_at(answer, "components.0.components.1")


async def test_a_layout_finds_a_file_by_the_name_it_was_given(api: BareApi) -> None:
    gallery = {"type": 12, "items": [{"media": {"url": "attachment://my film.mp4"}}]}
    status, answer = await api.files(
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
