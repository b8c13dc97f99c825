"""A small bot that uses every kind of component, so that the page has something to draw.

Owns its commands and what they answer. It is a real discord.py client; it makes no videos of its
own but posts the clip it is given.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import discord
from discord import app_commands, ui

BLURPLE = discord.Colour(0x5865F2)


class Showcase(discord.Client):
    """Answers in every way there is; `held` keeps `/think` and `/work` waiting until it is set."""

    def __init__(self, clip: Path, picture: Path) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            guild_ready_timeout=0.1,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = app_commands.CommandTree(self)
        self.clip, self.picture = clip, picture
        self.held = asyncio.Event()
        self.ready = asyncio.Event()
        self.received: list[dict[str, Any]] = []
        self.errors: list[BaseException] = []
        add_commands(self)

    async def on_ready(self) -> None:
        await self.tree.sync()
        self.ready.set()

    async def on_message(self, message: discord.Message) -> None:
        """A reply that mentions the bot is an edit of what it replies to."""
        if message.author.bot or message.reference is None:
            return
        words = message.content or "nothing: the ping was off"
        await message.reply(f"Edit of v1 by {message.author.display_name}: {words}")

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        self.errors.append(error)

    def place(self, channel_id: str) -> discord.TextChannel:
        channel = self.get_channel(int(channel_id))
        assert isinstance(channel, discord.TextChannel)
        return channel

    def finished(self) -> discord.File:
        return discord.File(self.clip, "fox.mp4", description="A fox runs through snow")


class Finished(ui.View):
    """The buttons under a finished video."""

    def __init__(self, client: Showcase) -> None:
        super().__init__(timeout=None)
        self._client = client
        self.add_item(ui.Button(label="Website", url="https://retake.example/"))

    @ui.button(label="Edit", emoji="✏️", style=discord.ButtonStyle.primary, custom_id="edit")
    async def edit(self, interaction: discord.Interaction, button: ui.Button["Finished"]) -> None:
        await interaction.response.send_modal(EditForm(self._client))

    @ui.button(label="Again", emoji="🔄", custom_id="again")
    async def again(self, interaction: discord.Interaction, button: ui.Button["Finished"]) -> None:
        await interaction.response.send_message("Queued again.", ephemeral=True)

    @ui.button(label="Ignored", style=discord.ButtonStyle.danger, custom_id="ignored")
    async def ignored(
        self, interaction: discord.Interaction, button: ui.Button["Finished"]
    ) -> None:
        """Never acknowledged."""

    @ui.button(label="Extend", style=discord.ButtonStyle.success, disabled=True, custom_id="more")
    async def more(self, interaction: discord.Interaction, button: ui.Button["Finished"]) -> None:
        """Not to be pressed."""


class EditForm(ui.Modal, title="Edit this video"):
    """One of every field a modal may hold, in two forms of at most five."""

    words = ui.TextDisplay("Editing **v1** of *A fox runs through snow*")
    prompt = ui.Label(
        text="What should change?",
        description="Describe only the change",
        component=ui.TextInput(
            style=discord.TextStyle.paragraph,
            custom_id="prompt",
            default="make it night",
            min_length=3,
            max_length=300,
        ),
    )
    references = ui.Label(
        text="References",
        component=ui.FileUpload(custom_id="references", required=False, max_values=3),
    )
    shape = ui.Label(
        text="Shape",
        component=ui.RadioGroup(
            custom_id="shape",
            options=[
                discord.RadioGroupOption(label="Landscape", value="16:9", description="16:9"),
                discord.RadioGroupOption(label="Portrait", value="9:16"),
            ],
        ),
    )
    private = ui.Label(
        text="Keep it private", component=ui.Checkbox(custom_id="private", default=False)
    )

    def __init__(self, client: Showcase) -> None:
        super().__init__(custom_id="edit-form")
        self._client = client

    async def on_submit(self, interaction: discord.Interaction) -> None:
        given = fields_of(interaction)
        self._client.received.append(given)
        await interaction.response.send_message(
            f"Editing: {given['prompt']} ({given['shape']}, private {given['private']},"
            f" {len(given['references'])} files)",
            ephemeral=True,
        )


class ChoiceForm(ui.Modal, title="Choices"):
    """Selects and a short text."""

    name = ui.TextInput(label="Name", custom_id="name", placeholder="a short one", max_length=20)
    model = ui.Label(
        text="Model",
        component=ui.Select(
            custom_id="model",
            options=[
                discord.SelectOption(label="Flash", value="flash", description="quick"),
                discord.SelectOption(label="Pro", value="pro"),
            ],
        ),
    )
    who = ui.Label(text="For whom", component=ui.UserSelect(custom_id="who", required=False))

    def __init__(self, client: Showcase) -> None:
        super().__init__(custom_id="choice-form")
        self._client = client

    async def on_submit(self, interaction: discord.Interaction) -> None:
        given = fields_of(interaction)
        self._client.received.append(given)
        await interaction.response.send_message(f"Chosen: {given}", ephemeral=True)


def fields_of(interaction: discord.Interaction) -> dict[str, Any]:
    """What was filled in, by custom_id."""
    found: dict[str, Any] = {}
    data: Any = interaction.data
    for component in data["components"]:
        field = component.get("component") or component.get("components", [None])[0]
        if field:
            found[field["custom_id"]] = field.get("values", field.get("value"))
    return found


class Layout(ui.LayoutView):
    """Every block of the newer components in one message."""

    def __init__(self, client: Showcase) -> None:
        super().__init__(timeout=None)
        container: ui.Container[Layout] = ui.Container(accent_colour=BLURPLE)
        container.add_item(ui.TextDisplay("### A layout\nwith `code` and **words**"))
        container.add_item(
            ui.Section("Beside a picture", accessory=ui.Thumbnail("attachment://picture.png"))
        )
        container.add_item(ui.Separator(spacing=discord.SeparatorSpacing.large))
        container.add_item(
            ui.MediaGallery(
                discord.MediaGalleryItem("attachment://fox.mp4", description="A fox in a gallery"),
            )
        )
        container.add_item(
            ui.MediaGallery(
                discord.MediaGalleryItem("attachment://picture.png", spoiler=True),
                discord.MediaGalleryItem("attachment://other.png"),
            )
        )
        container.add_item(ui.File("attachment://notes.txt"))
        row: ui.ActionRow[Layout] = ui.ActionRow()
        row.add_item(CountButton())
        container.add_item(row)
        self.add_item(container)
        self.add_item(ui.TextDisplay("-# under the container"))


class CountButton(ui.Button[Any]):
    """Counts in its own label: the message is edited by the press."""

    def __init__(self) -> None:
        super().__init__(label="Pressed 0 times", custom_id="count")
        self.count = 0

    async def callback(self, interaction: discord.Interaction) -> None:
        self.count += 1
        self.label = f"Pressed {self.count} times"
        await interaction.response.edit_message(view=self.view)


class Choices(ui.View):
    """Selects on a message."""

    def __init__(self, client: Showcase) -> None:
        super().__init__(timeout=None)
        self._client = client

    async def _confirm(self, interaction: discord.Interaction) -> None:
        data: Any = interaction.data
        self._client.received.append({data["custom_id"]: data["values"]})
        await interaction.response.send_message(f"You chose {data['values']}", ephemeral=True)

    @ui.select(
        custom_id="one",
        placeholder="Pick a model",
        options=[
            discord.SelectOption(label="Flash", value="flash", emoji="⚡", description="quick"),
            discord.SelectOption(label="Pro", value="pro"),
        ],
    )
    async def one(self, interaction: discord.Interaction, select: ui.Select["Choices"]) -> None:
        await self._confirm(interaction)

    @ui.select(
        custom_id="many",
        placeholder="Pick several",
        max_values=3,
        options=[discord.SelectOption(label=f"Number {n}", value=str(n)) for n in range(12)],
    )
    async def many(self, interaction: discord.Interaction, select: ui.Select["Choices"]) -> None:
        await self._confirm(interaction)

    @ui.select(cls=ui.UserSelect, custom_id="user", placeholder="Pick somebody")
    async def user(
        self, interaction: discord.Interaction, select: ui.UserSelect["Choices"]
    ) -> None:
        await self._confirm(interaction)

    @ui.select(cls=ui.ChannelSelect, custom_id="channel", placeholder="Pick a channel")
    async def place(
        self, interaction: discord.Interaction, select: ui.ChannelSelect["Choices"]
    ) -> None:
        await self._confirm(interaction)


def add_commands(client: Showcase) -> None:
    """Every command of the showcase."""
    for add in (add_video, add_answers, add_menus):
        add(client)


def add_video(client: Showcase) -> None:
    """One command with an option of every type."""

    @client.tree.command(name="video", description="Make a short video")
    @app_commands.describe(
        prompt="What the video should show",
        image="A picture to begin with",
        last_frame="A picture to end with",
        image2="Another picture",
        clip="A video to change",
        aspect_ratio="The shape of the picture",
        duration="Seconds",
        model="The model to use",
        private="Only for you",
        member="For whom",
        role="For which role",
        place="Where to",
        strength="How strongly",
    )
    @app_commands.choices(
        aspect_ratio=[
            app_commands.Choice(name="16:9 landscape", value="16:9"),
            app_commands.Choice(name="9:16 portrait", value="9:16"),
        ]
    )
    async def video(  # noqa: PLR0917 - discord.py fills in a command's options by name
        interaction: discord.Interaction,
        prompt: str,
        image: discord.Attachment | None = None,
        last_frame: discord.Attachment | None = None,
        image2: discord.Attachment | None = None,
        clip: discord.Attachment | None = None,
        aspect_ratio: str | None = None,
        duration: app_commands.Range[int, 3, 10] | None = None,
        model: str | None = None,
        private: bool | None = None,
        member: discord.Member | None = None,
        role: discord.Role | None = None,
        place: discord.TextChannel | None = None,
        strength: float | None = None,
    ) -> None:
        client.received.append(
            {
                "prompt": prompt,
                "image": image and image.filename,
                "last_frame": last_frame and last_frame.filename,
                "image2": image2 and image2.filename,
                "clip": clip and clip.filename,
                "aspect_ratio": aspect_ratio,
                "duration": duration,
                "model": model,
                "private": private,
                "member": member and member.name,
                "role": role and role.name,
                "place": place and place.name,
                "strength": strength,
            }
        )
        await interaction.response.send_message(
            f"Queued **{discord.utils.escape_markdown(prompt)}**, ready <t:4102444800:R>",
            ephemeral=True,
        )
        assert isinstance(interaction.channel, discord.TextChannel | discord.Thread)
        if isinstance(interaction.channel, discord.TextChannel):
            status = await interaction.channel.send("**A fox runs through snow** · working")
            thread = await status.create_thread(name=prompt[:60])
        else:
            thread = interaction.channel
        await thread.send(
            f"{interaction.user.mention} **v1** is ready",
            file=client.finished(),
            view=Finished(client),
            allowed_mentions=discord.AllowedMentions(users=[interaction.user]),
        )

    @video.autocomplete("model")
    async def models(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        names = ["omni-flash", "omni-pro", "veo"]
        return [
            app_commands.Choice(name=name.replace("-", " ").title(), value=name)
            for name in names
            if current.lower().replace(" ", "-") in name
        ]


def add_answers(client: Showcase) -> None:
    """Commands that answer in one way each."""
    limits = app_commands.Group(name="limits", description="Limits of this server")

    @limits.command(name="user", description="The limits of every member")
    async def user(interaction: discord.Interaction, videos: int | None = None) -> None:
        await interaction.response.send_message(f"Limit: {videos}", ephemeral=True)

    client.tree.add_command(limits)

    async def layout(interaction: discord.Interaction) -> None:
        """Every block of the newer components"""
        names = ("picture.png", "other.png", "notes.txt")
        files = [client.finished(), *(discord.File(client.picture, name) for name in names)]
        await interaction.response.send_message(view=Layout(client), files=files)
        for file in files:
            file.close()

    async def choices(interaction: discord.Interaction) -> None:
        """An embed and selects"""
        embed = discord.Embed(
            title="An embed", description="with **words**", url="https://retake.example/"
        )
        embed.add_field(name="Model", value="Flash").add_field(name="Length", value="6 s")
        embed.set_footer(text="a footer").set_thumbnail(url="attachment://picture.png")
        embed.colour = discord.Colour.green()
        file = discord.File(client.picture, "picture.png")
        await interaction.response.send_message(embed=embed, file=file, view=Choices(client))
        file.close()

    async def think(interaction: discord.Interaction) -> None:
        """Thinks until it is let go"""
        await interaction.response.defer(ephemeral=True)
        await client.held.wait()
        await interaction.followup.send("Thought about it.", ephemeral=True)

    async def ignore(interaction: discord.Interaction) -> None:
        """Never answers"""

    async def note(
        interaction: discord.Interaction, words: str | None = None, times: int | None = None
    ) -> None:
        """Takes words if there are any"""
        await interaction.response.send_message(f"Noted: {words}", ephemeral=True)

    async def form(interaction: discord.Interaction) -> None:
        """Opens a form with choices"""
        await interaction.response.send_modal(ChoiceForm(client))

    answers: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
        "layout": layout,
        "choices": choices,
        "think": think,
        "ignore": ignore,
        "form": form,
        "note": note,
    }
    for name, answer in answers.items():
        command = app_commands.Command(
            name=name, description=answer.__doc__ or name, callback=answer
        )
        client.tree.add_command(command)


def add_menus(client: Showcase) -> None:
    """Context menus of messages."""

    @client.tree.context_menu(name="Edit video")
    async def edit_video(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_modal(EditForm(client))

    @client.tree.context_menu(name="Make a video of this")
    async def make_video(interaction: discord.Interaction, message: discord.Message) -> None:
        client.received.append({"of": message.content})
        await interaction.response.send_message(f"Of: {message.content}", ephemeral=True)
