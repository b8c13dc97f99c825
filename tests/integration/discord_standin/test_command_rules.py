"""Every rule for commands that Discord's document does not carry."""

import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import STUDIO
from tests.integration.discord_standin.bare_api import BareApi, Json, command, fault_at, option

pytestmark = pytest.mark.usefixtures("lenient")


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
    api: BareApi, standin: DiscordStandIn, bodies: list[Json], path: str, code: str, scope: str
) -> None:
    url = f"/applications/{standin.application_id}{scope}/commands"
    status, answer = await api("PUT", url, bodies)
    assert (status, answer["code"]) == (400, 50035)
    assert fault_at(answer, path) == code
    assert (await api("GET", url))[1] == []


@pytest.mark.parametrize(("kind", "limit"), [(1, 100), (3, 15), (2, 15)])
async def test_how_many_commands_there_may_be(
    api: BareApi, standin: DiscordStandIn, kind: int, limit: int
) -> None:
    def many(count: int) -> list[Json]:
        described = {"description": "x"} if kind == 1 else {}
        return [{"name": f"c{n}", "type": kind} | described for n in range(count)]

    url = f"/applications/{standin.application_id}/commands"
    assert (await api("PUT", url, many(limit)))[0] == 200
    status, answer = await api("PUT", url, many(limit + 1))
    assert (status, answer["code"]) == (400, 30032)
    extra = many(limit + 1)[-1]
    assert (await api("POST", url, extra))[1]["code"] == 30032


async def test_commands_keep_their_ids(api: BareApi, standin: DiscordStandIn) -> None:
    url = f"/applications/{standin.application_id}/commands"
    menu = {"name": "Edit video", "type": 3}
    _, first = await api("PUT", url, [command(), menu])
    _, second = await api("PUT", url, [command(description="Another"), menu])
    assert [item["id"] for item in first] == [item["id"] for item in second]
    assert first[0]["version"] != second[0]["version"]
    assert first[1]["version"] == second[1]["version"]
    assert (await api("DELETE", f"{url}/{first[0]['id']}"))[0] == 204
    assert (await api("GET", f"{url}/{first[0]['id']}"))[1]["code"] == 10063
    _, edited = await api("PATCH", f"{url}/{first[1]['id']}", {"name": "Edit this"})
    assert edited["name"] == "Edit this"
