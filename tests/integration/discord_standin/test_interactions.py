"""Interactions of every kind with a real client, and the time limits around them."""

import asyncio
import io
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from sandbox.discord import DiscordStandIn
from sandbox.discord.behaviour.people import People
from sandbox.discord.rules.errors import Refused
from tests.integration.discord_client import Bot, OwnedClock, SmallClient, Start
from tests.integration.discord_standin.pictures import png


class Form(discord.ui.Modal, title="Edit video"):
    """Every field that discord.py 2.7 knows for modals."""

    prompt: discord.ui.Label = discord.ui.Label(
        text="Prompt", component=discord.ui.TextInput(custom_id="prompt", default="a fox")
    )
    size: discord.ui.Label = discord.ui.Label(
        text="Size",
        component=discord.ui.RadioGroup(
            custom_id="size",
            options=[
                discord.RadioGroupOption(label="Wide", value="16:9"),
                discord.RadioGroupOption(label="Tall", value="9:16"),
            ],
        ),
    )
    loud: discord.ui.Label = discord.ui.Label(
        text="Sound", component=discord.ui.Checkbox(custom_id="loud", default=True)
    )
    files: discord.ui.Label = discord.ui.Label(
        text="Pictures",
        component=discord.ui.FileUpload(custom_id="files", required=False, max_values=3),
    )
    whom: discord.ui.Label = discord.ui.Label(
        text="For", component=discord.ui.UserSelect(custom_id="whom", required=False)
    )

    def __init__(self, done: "asyncio.Future[Form]") -> None:
        super().__init__(custom_id="form")
        self._done = done

    async def on_submit(self, interaction: discord.Interaction) -> None:
        self.answered = interaction
        await interaction.response.send_message("got it", ephemeral=True)
        self._done.set_result(self)


class ExampleCommands:
    """Commands of every kind, and what they were given."""

    bot: Bot
    standin: DiscordStandIn
    people: People

    def __init__(self) -> None:
        self.given: asyncio.Queue = asyncio.Queue()
        self.form: asyncio.Future[Form] = asyncio.get_running_loop().create_future()
        self.hold = asyncio.Event()

    def prepare(self, client: SmallClient) -> None:
        tree, example = client.tree, self

        @tree.command(description="Make a video")
        @app_commands.describe(prompt="What it shows")
        async def video(
            interaction: discord.Interaction,
            prompt: app_commands.Range[str, 1, 50],
            image: discord.Attachment | None = None,
            duration: app_commands.Range[int, 3, 10] | None = None,
            aspect: str | None = None,
            private: bool = False,
            member: discord.Member | None = None,
        ) -> None:
            data = await image.read() if image else None
            await interaction.response.send_message("**receipt**", ephemeral=True)
            example.given.put_nowait((interaction, prompt, data, duration, aspect, private, member))

        @video.autocomplete("aspect")
        async def aspects(
            interaction: discord.Interaction, current: str
        ) -> list[app_commands.Choice[str]]:
            duration = interaction.namespace.duration
            return [
                app_commands.Choice(name=f"{ratio} {duration}", value=ratio)
                for ratio in ("16:9", "9:16")
                if ratio.startswith(current)
            ]

        @tree.command(description="Think")
        async def slow(interaction: discord.Interaction, ephemeral: bool = True) -> None:
            await interaction.response.defer(thinking=True, ephemeral=ephemeral)
            example.given.put_nowait(interaction)
            await example.hold.wait()
            await interaction.followup.send("thought")
            await interaction.followup.send("and more")

        @tree.command(description="Say nothing")
        async def silent(interaction: discord.Interaction) -> None:
            example.given.put_nowait(interaction)

        @tree.command(description="Open a form")
        async def form(interaction: discord.Interaction) -> None:
            await interaction.response.send_modal(Form(example.form))

        @tree.context_menu(name="Edit video")
        async def edit(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(f"read: {message.content}")
            example.given.put_nowait((interaction, message))

        limits = app_commands.Group(
            name="limits",
            description="Limits",
            default_permissions=discord.Permissions(manage_guild=True),
            guild_only=True,
        )

        @limits.command(description="Show them")
        async def show(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("none", ephemeral=True)

        tree.add_command(limits)


@pytest.fixture
async def example(start: Start) -> ExampleCommands:
    example = ExampleCommands()
    example.bot = await start(prepare=example.prepare)
    example.standin = example.bot.standin
    example.people = example.standin.people
    return example


async def test_a_command_with_every_kind_of_option(example: ExampleCommands) -> None:
    upload = await example.people.upload("cat.png", png(2, 2))
    begun = await example.people.command(
        "mira",
        "general",
        "video",
        options={
            "prompt": "a fox",
            "image": upload["id"],
            "duration": 5,
            "private": True,
            "member": "tom",
        },
    )
    interaction, *given = await example.given.get()
    member = given[-1]
    assert given[:-1] == ["a fox", png(2, 2), 5, None, True]
    assert (member.name, member.guild.name) == ("tom", "Retake Studio")
    assert interaction.channel.name == "general"
    assert interaction.user.guild_permissions.manage_guild
    assert interaction.filesize_limit == 10 * 1024 * 1024
    seen = await example.people.interaction(begun, wait=5)
    assert (seen["state"], seen["kind"]) == ("answered", "command")
    [receipt] = seen["responses"]
    assert receipt["content"] == "**receipt**"
    assert receipt["flags"] & 64
    assert receipt["interaction_metadata"]["user"]["username"] == "mira"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "prompt is required"),
        ({"prompt": "x" * 51}, "between 1 and 50"),
        ({"prompt": "x", "duration": 2}, "between 3 and 10"),
        ({"prompt": "x", "private": "yes"}, "true or false"),
    ],
)
async def test_the_persons_client_checks_options(
    example: ExampleCommands, options: dict, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        await example.people.command("mira", "general", "video", options=options)


async def test_autocomplete(example: ExampleCommands) -> None:
    choices = await example.people.autocomplete(
        "mira", "general", "video", options={"aspect": "9", "duration": 4}, focused="aspect"
    )
    assert choices == [{"name": "9:16 4", "value": "9:16"}]


async def test_only_those_with_the_permission_get_a_command(example: ExampleCommands) -> None:
    begun = await example.people.command("mira", "general", "limits", path=["show"])
    assert (await example.people.interaction(begun, wait=5))["state"] == "answered"
    with pytest.raises(Refused, match="not allowed"):
        await example.people.command("tom", "general", "limits", path=["show"])
    commands, world = example.standin.commands, example.standin.world
    mira = {command["name"] for command in commands.offered(world.user("mira").id)}
    tom = {command["name"] for command in commands.offered(world.user("tom").id)}
    assert mira - tom == {"limits"}
    with pytest.raises(Refused, match="direct messages"):
        await example.people.command("mira", "dm", "limits", path=["show"])


async def test_a_command_in_a_direct_message(example: ExampleCommands) -> None:
    await example.people.command("ana", "dm", "video", options={"prompt": "here"})
    interaction, *_ = await example.given.get()
    assert isinstance(interaction.channel, discord.DMChannel)
    assert interaction.user.name == "ana"
    assert interaction.guild is None


async def test_thinking_is_replaced_by_the_first_follow_up(example: ExampleCommands) -> None:
    begun = await example.people.command("mira", "general", "slow")
    await example.given.get()
    thinking = await example.people.interaction(begun)
    assert thinking["state"] == "deferred"
    assert thinking["responses"][0]["flags"] & 128
    example.hold.set()
    done = await example.people.interaction(begun, wait=5)
    assert done["state"] == "answered"
    await example.standin.wait("MESSAGE_CREATE", {"content": "and more"})
    first, second = (await example.people.interaction(begun))["responses"]
    assert first["id"] == thinking["message_id"] == done["message_id"]
    assert (first["content"], second["content"]) == ("thought", "and more")
    assert first["flags"] & 64
    assert not first["flags"] & 128
    assert not second["flags"] & 64


async def test_an_ephemeral_answer_is_seen_by_one_person(example: ExampleCommands) -> None:
    begun = await example.people.command("tom", "general", "video", options={"prompt": "x"})
    answer = (await example.people.interaction(begun, wait=5))["responses"][0]
    world = example.standin.world
    message = world.messages[answer["id"]]
    assert world.sees_message(world.user("tom").id, message)
    assert not world.sees_message(world.user("mira").id, message)
    with pytest.raises(discord.NotFound):
        await example.bot.channel("general").fetch_message(int(answer["id"]))


async def test_no_answer_within_three_seconds_fails(
    example: ExampleCommands, clock: OwnedClock
) -> None:
    begun = await example.people.command("mira", "general", "silent")
    interaction = await example.given.get()
    assert (await example.people.interaction(begun))["state"] == "pending"
    clock.now += 3
    failed = await example.people.interaction(begun)
    assert (failed["state"], failed["error"]) == ("failed", "The application did not respond")
    with pytest.raises(discord.NotFound) as refused:
        await interaction.response.send_message("too late")
    assert refused.value.code == 10062


async def test_pushing_the_clock_fails_those_who_wait(example: ExampleCommands) -> None:
    begun = await example.people.command("mira", "general", "silent")
    await example.given.get()
    waiting = asyncio.ensure_future(example.people.interaction(begun, wait=30))
    await asyncio.sleep(0)
    example.standin.advance(3.5)
    assert (await waiting)["state"] == "failed"


async def test_a_second_callback_is_refused(example: ExampleCommands) -> None:
    await example.people.command("mira", "general", "silent")
    interaction = await example.given.get()
    path = f"/api/v10/interactions/{interaction.id}/{interaction.token}/callback"
    url = example.standin.base_url + path
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json={"type": 5}) as first:
            assert first.status == 204
        async with session.post(url, json={"type": 4, "data": {"content": "x"}}) as second:
            assert second.status == 400
            assert (await second.json())["code"] == 40060


async def test_the_token_lives_fifteen_minutes(example: ExampleCommands, clock: OwnedClock) -> None:
    await example.people.command("mira", "general", "video", options={"prompt": "x"})
    interaction, *_ = await example.given.get()
    clock.now += 14 * 60
    await interaction.edit_original_response(content="still there")
    clock.now += 61
    with pytest.raises(discord.HTTPException) as refused:
        await interaction.followup.send("too late")
    assert (refused.value.status, refused.value.code) == (401, 50027)


async def test_a_follow_up_before_the_answer_is_refused(example: ExampleCommands) -> None:
    await example.people.command("mira", "general", "silent")
    interaction = await example.given.get()
    with pytest.raises(discord.NotFound) as refused:
        await interaction.followup.send("first")
    assert refused.value.code == 10015


async def test_a_context_menu_delivers_the_whole_message(example: ExampleCommands) -> None:
    upload = await example.people.upload("clip.mp4", b"\x00\x00\x00\x18ftypisom")
    sent = await example.people.send("tom", "general", "my own words", uploads=[upload["id"]])
    begun = await example.people.context("mira", "general", "Edit video", sent["id"])
    _, message = await example.given.get()
    assert message.content == "my own words"
    assert message.attachments[0].filename == "clip.mp4"
    answered = await example.people.interaction(begun, wait=5)
    assert answered["kind"] == "context"
    assert answered["responses"][0]["interaction_metadata"]["target_message_id"] == sent["id"]


async def test_a_modal_with_every_field(example: ExampleCommands) -> None:
    begun = await example.people.command("mira", "general", "form")
    opened = await example.people.interaction(begun, wait=5)
    assert (opened["state"], opened["modal"]["title"]) == ("modal", "Edit video")
    upload = await example.people.upload("cat.png", png(2, 2))
    submitted = await example.people.submit(
        "mira",
        begun,
        {"prompt": "a bluer fox", "size": "9:16", "files": [upload["id"]], "whom": "tom"},
    )
    form = await example.form
    filled: dict[str, Any] = {
        item.component.custom_id: item.component  # pyright: ignore[reportAttributeAccessIssue]
        for item in form.children
        if isinstance(item, discord.ui.Label)
    }
    assert filled["prompt"].value == "a bluer fox"
    assert filled["size"].value == "9:16"
    assert filled["loud"].value is True
    assert await filled["files"].values[0].read() == png(2, 2)
    assert filled["whom"].values[0].name == "tom"
    answered = await example.people.interaction(submitted, wait=5)
    assert (answered["kind"], answered["responses"][0]["content"]) == ("modal", "got it")
    metadata = answered["responses"][0]["interaction_metadata"]
    assert metadata["triggering_interaction_metadata"]["id"] == begun


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"prompt": ""}, "prompt is required"),
        ({"size": "4:3"}, "no '4:3'"),
        ({"nonsense": 1}, "no field 'nonsense'"),
        ({}, "size is required"),
    ],
)
async def test_a_modal_is_checked_before_it_is_sent(
    example: ExampleCommands, values: dict, sentence: str
) -> None:
    begun = await example.people.command("mira", "general", "form")
    await example.people.interaction(begun, wait=5)
    with pytest.raises(Refused, match=sentence):
        await example.people.submit("mira", begun, values)


class Buttons(discord.ui.View):
    def __init__(self, seen: asyncio.Queue) -> None:
        super().__init__(timeout=None)
        self._seen = seen

    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.edit_message(content="pressed")
        self._seen.put_nowait(interaction)

    @discord.ui.button(label="Quiet", custom_id="quiet")
    async def quiet(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="edited later", view=None)
        await interaction.followup.send("only you", ephemeral=True)
        self._seen.put_nowait(interaction)

    @discord.ui.select(
        cls=discord.ui.Select,
        custom_id="choose",
        options=[discord.SelectOption(label=letter) for letter in "abc"],
        max_values=2,
    )
    async def choose(self, interaction: discord.Interaction, select: discord.ui.Select) -> None:
        await interaction.response.send_message(" ".join(select.values))
        self._seen.put_nowait(interaction)

    @discord.ui.button(label="Off", custom_id="off", disabled=True)
    async def off(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        raise AssertionError


async def test_buttons_and_selects(example: ExampleCommands) -> None:
    seen: asyncio.Queue = asyncio.Queue()
    message = await example.bot.channel("general").send("choose", view=Buttons(seen))
    shown = str(message.id)
    begun = await example.people.press("mira", shown, "again")
    pressed = await example.people.interaction(begun, wait=5)
    assert pressed["message_id"] == shown
    assert example.standin.world.messages[shown].content == "pressed"
    begun = await example.people.press("tom", shown, "choose", values=["a", "c"])
    answered = await example.people.interaction(begun, wait=5)
    assert answered["responses"][0]["content"] == "a c"
    assert answered["responses"][0]["message_reference"]["message_id"] == shown
    begun = await example.people.press("tom", shown, "quiet")
    await example.people.interaction(begun, wait=5)
    for _ in range(3):
        await seen.get()
    assert example.standin.world.messages[shown].content == "edited later"
    [whisper] = (await example.people.interaction(begun))["responses"]
    assert whisper["flags"] & 64


@pytest.mark.parametrize(
    ("custom_id", "values", "sentence"),
    [
        ("off", [], "disabled"),
        ("choose", ["d"], "'d' is not offered"),
        ("choose", [], "between 1 and 2"),
        ("none", [], "no component"),
    ],
)
async def test_a_client_does_not_send_what_cannot_be(
    example: ExampleCommands, custom_id: str, values: list[str], sentence: str
) -> None:
    message = await example.bot.channel("general").send("choose", view=Buttons(asyncio.Queue()))
    with pytest.raises((Refused, KeyError), match=sentence):
        await example.people.press("mira", str(message.id), custom_id, values=values)


async def test_a_file_in_the_answer(example: ExampleCommands) -> None:
    await example.people.command("mira", "general", "silent")
    interaction = await example.given.get()
    answer = await interaction.response.send_message(
        file=discord.File(io.BytesIO(png(1, 1)), "a.png")
    )
    assert answer.resource.attachments[0].filename == "a.png"
    edited = await interaction.edit_original_response(
        attachments=[discord.File(io.BytesIO(b"t"), "b.txt")]
    )
    assert [item.filename for item in edited.attachments] == ["b.txt"]
    assert (await interaction.original_response()).id == edited.id
    await interaction.delete_original_response()
    assert str(edited.id) not in example.standin.world.messages


async def test_a_reply_to_an_answer_does_not_mention_the_bot(example: ExampleCommands) -> None:
    sent = await example.people.send("tom", "general", "words")
    begun = await example.people.context("mira", "general", "Edit video", sent["id"])
    answer = (await example.people.interaction(begun, wait=5))["responses"][0]
    await example.people.send("mira", "general", "unread", reply_to=answer["id"])
    reply = await example.bot.client.hear("message", 3)
    assert reply.reference.message_id == int(answer["id"])
    assert reply.content == ""
