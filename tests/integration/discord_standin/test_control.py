"""The control interface over HTTP, as the page and outside scripts use it."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import ANA, ANNOUNCEMENTS, GENERAL, MIRA, STUDIO, TOM
from tests.integration.discord_client import Bot, OwnedClock, SmallClient, Start
from tests.integration.discord_standin.pictures import png


class Http:
    """The control interface of one stand-in."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self._base = f"{base_url}/control"
        self.session = session

    async def __call__(
        self, method: str, path: str, body: Any = None, *, status: int = 200, **query: Any
    ) -> Any:
        async with self.session.request(
            method, self._base + path, json=body, params=query
        ) as response:
            answer = await response.json()
            assert response.status == status, answer
            return answer

    async def upload(self, name: str, data: bytes) -> Any:
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name)
        async with self.session.post(f"{self._base}/uploads", data=form) as response:
            return await response.json()

    async def events(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        async with self.session.get(f"{self._base}/events", params={"user": user}) as response:
            assert response.content_type == "text/event-stream"
            async for line in response.content:
                if line.startswith(b":"):
                    yield {"type": "open"}
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])


@pytest.fixture
async def http(standin: DiscordStandIn) -> AsyncIterator[Http]:
    async with aiohttp.ClientSession() as session:
        yield Http(standin.base_url, session)


async def test_the_state_as_a_person_sees_it(http: Http, bot: Bot) -> None:
    state = await http("GET", "/state", user=TOM)
    assert (state["me"]["username"], state["me"]["admin"]) == ("tom", False)
    assert [user["admin"] for user in state["users"] if user["username"] == "mira"] == [True]
    studio = next(guild for guild in state["guilds"] if guild["name"] == "Retake Studio")
    assert [channel["name"] for channel in studio["channels"]] == [
        "general",
        "videos",
        "announcements",
        "news",
        "ideas",
        "lounge",
    ]
    assert state["bot"] == {"id": bot.standin.application_id, "online": True}
    assert [dm["recipients"][0]["id"] for dm in state["dms"]] == [TOM]
    assert {guild["name"] for guild in (await http("GET", "/state", user=ANA))["guilds"]} == {
        "Retake Studio"
    }


async def test_messages_uploads_and_replies(http: Http, bot: Bot) -> None:
    upload = await http.upload("cat.png", png(2, 1))
    assert (upload["filename"], upload["size"]) == ("cat.png", len(png(2, 1)))
    sent = await http(
        "POST",
        f"/users/{TOM}/messages",
        {"channel_id": GENERAL, "content": "look", "uploads": [upload["id"]]},
    )
    reply = await http(
        "POST",
        f"/users/{MIRA}/messages",
        {"channel_id": GENERAL, "content": "nice", "reply_to": sent["message"]["id"]},
    )
    listed = (await http("GET", f"/channels/{GENERAL}/messages", user=ANA))["messages"]
    assert [message["content"] for message in listed] == ["look", "nice"]
    assert listed[1]["referenced_message"]["content"] == "look"
    async with http.session.get(listed[0]["attachments"][0]["url"]) as response:
        assert await response.read() == png(2, 1)
    before = await http(
        "GET", f"/channels/{GENERAL}/messages", user=ANA, before=reply["message"]["id"]
    )
    assert [message["content"] for message in before["messages"]] == ["look"]
    await http("DELETE", f"/users/{TOM}/messages/{reply['message']['id']}", status=400)
    await http("DELETE", f"/users/{MIRA}/messages/{sent['message']['id']}")
    after = await http("GET", f"/channels/{GENERAL}/messages", user=ANA)
    assert after["messages"][0]["referenced_message"] is None


async def test_a_stream_carries_what_its_person_may_see(http: Http, bot: Bot) -> None:
    stream = http.events(TOM)
    assert (await anext(stream))["type"] == "open"
    await bot.standin.people.send("mira", "dm", "not for tom")
    await bot.channel("general").send("for all")
    bot.standin.publish("PROVIDERS", {"name": "evolink"})
    async with asyncio.timeout(5):
        event = await anext(stream)
        assert (event["type"], event["data"]["content"]) == ("MESSAGE_CREATE", "for all")
        assert await anext(stream) == {"type": "PROVIDERS", "data": {"name": "evolink"}}
        await http("POST", "/discord/gateway", {"do": "drop", "resumable": False})
        assert (await anext(stream))["data"]["online"] is False
        assert (await anext(stream))["data"]["online"] is True
    await stream.aclose()


async def test_a_whole_conversation(http: Http, start: Start) -> None:
    class Form(discord.ui.Modal, title="Prompt"):
        prompt: discord.ui.TextInput = discord.ui.TextInput(label="Prompt", custom_id="prompt")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"making {self.prompt.value}")

    def prepare(client: SmallClient) -> None:
        @client.tree.command(description="Make")
        async def make(interaction: discord.Interaction) -> None:
            view = discord.ui.View(timeout=None)
            button: discord.ui.Button = discord.ui.Button(label="Go", custom_id="go")

            async def open_form(interaction: discord.Interaction) -> None:
                await interaction.response.send_modal(Form())

            button.callback = open_form
            view.add_item(button)
            await interaction.response.send_message("ready?", view=view)

        @client.tree.context_menu(name="Read")
        async def read(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(message.content, ephemeral=True)

    await start(prepare=prepare)
    state = await http("GET", "/state", user=ANA)
    assert {command["name"] for command in state["commands"]} == {"make", "Read"}
    begun = await http("POST", f"/users/{ANA}/commands", {"channel_id": GENERAL, "name": "make"})
    made = await http("GET", f"/interactions/{begun['interaction_id']}", wait=5)
    assert made["state"] == "answered"
    pressed = await http(
        "POST",
        f"/users/{ANA}/components",
        {"message_id": made["message_id"], "custom_id": "go", "values": []},
    )
    opened = await http("GET", f"/interactions/{pressed['interaction_id']}", wait=5)
    assert opened["modal"]["components"][0]["components"][0]["custom_id"] == "prompt"
    submitted = await http(
        "POST",
        f"/users/{ANA}/modals",
        {"interaction_id": pressed["interaction_id"], "values": {"prompt": "a fox"}},
    )
    answered = await http("GET", f"/interactions/{submitted['interaction_id']}", wait=5)
    assert answered["responses"][0]["content"] == "making a fox"
    menu = await http(
        "POST",
        f"/users/{ANA}/context",
        {"channel_id": GENERAL, "name": "Read", "message_id": made["message_id"]},
    )
    whispered = await http("GET", f"/interactions/{menu['interaction_id']}", wait=5)
    assert whispered["responses"][0]["content"] == "ready?"
    seen = await http("GET", f"/channels/{GENERAL}/messages", user=ANA)
    others = await http("GET", f"/channels/{GENERAL}/messages", user=TOM)
    assert len(seen["messages"]) == len(others["messages"]) + 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", f"/users/{ANA}/messages", {"channel_id": GENERAL}, 400, "words or a file"),
        ("POST", f"/users/{ANA}/messages", {"content": "x"}, 400, "channel_id is missing"),
        ("POST", f"/users/{ANA}/messages", {"channel_id": "9", "content": "x"}, 404, "no channel"),
        ("POST", "/users/9/messages", {"channel_id": GENERAL, "content": "x"}, 404, "no user"),
        (
            "POST",
            f"/users/{ANA}/commands",
            {"channel_id": GENERAL, "name": "no"},
            404,
            "no command",
        ),
        ("GET", "/interactions/9", None, 404, "no interaction"),
        ("POST", "/discord/gateway", {"do": "explode"}, 400, "explode"),
        ("POST", "/discord/world", {"do": "end"}, 400, "end"),
        ("POST", "/discord/wait", {"event": "NEVER", "timeout": 0.01}, 409, "no NEVER"),
        (
            "POST",
            "/discord/world",
            {"do": "permissions", "channel_id": GENERAL, "deny": ["fly"]},
            400,
            "fly",
        ),
    ],
)
async def test_what_is_wrong_is_a_sentence(
    http: Http, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    answer = await http(method, path, body, status=status)
    assert sentence in answer["error"]


async def test_the_world_from_behind(http: Http, bot: Bot, clock: OwnedClock) -> None:
    standin, world = bot.standin, bot.standin.world

    async def change(do: str, **extra: Any) -> None:
        await http("POST", "/discord/world", {"do": do, **extra})

    await change("permissions", channel_id=ANNOUNCEMENTS, allow=["SEND_MESSAGES"], deny=[])
    await bot.channel("announcements").send("now I may")
    await change("upload_limit", guild_id=STUDIO, bytes=5)
    assert world.guilds[STUDIO].largest_upload == 5
    await change("close_dms", user_id=TOM)
    assert not world.users[TOM].dms_open
    before = standin.clock()
    await change("advance", seconds=90)
    assert standin.clock() == before + 90
    thread = await (await bot.channel("general").send("x")).create_thread(name="t")
    await change("archive", channel_id=str(thread.id))
    await change("lock", channel_id=str(thread.id))
    assert bot.thread(thread.id).locked
    await change("strict_rate_limits", on=True)
    assert standin.limits.strict
    await change("kick_bot", guild_id=STUDIO)
    assert (await bot.client.hear("guild_remove")).name == "Retake Studio"
    await change("delete_channel", channel_id=GENERAL)
    assert GENERAL not in world.channels


async def test_waiting_for_an_event_past_or_to_come(http: Http, bot: Bot) -> None:
    await bot.channel("general").send("one")
    order = {"event": "MESSAGE_CREATE", "match": {"author.username": "retake"}}
    first = await http("POST", "/discord/wait", order)
    assert first["data"]["content"] == "one"

    async with asyncio.TaskGroup() as tasks:
        later = tasks.create_task(http("POST", "/discord/wait", order | {"after": first["n"]}))
        await bot.channel("general").send("two")
    assert later.result()["data"]["content"] == "two"


async def test_faults_over_http(http: Http, bot: Bot) -> None:
    order = {"method": "GET", "route": "/users/{user.id}", "status": 500}
    assert (await http("POST", "/discord/faults", order))["id"]
    await http("DELETE", "/discord/faults")
    assert (await bot.client.fetch_user(int(MIRA))).name == "mira"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_other_pages_and_names_are_refused(http: Http, headers: dict[str, str]) -> None:
    url = f"{http._base}/state"
    async with http.session.get(url, params={"user": MIRA}, headers=headers) as response:
        assert response.status == 403
