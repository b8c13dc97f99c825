"""Buttons, forms and menus: a member who uses one, with any replayed or forged id, needs the right.

Discord passes on only ids that stand in a message or form of ours; here that help is not relied on:
the forger has a message of the bot that holds whatever id they like. The bot is the real one.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
import pytest_asyncio

from bot.domain.errors import Code
from bot.ui.cards.custom_ids import FORMS, Action
from bot.ui.text.messages import Messages
from sandbox.discord.behaviour.interactions import Kind
from sandbox.discord.rules.message_rules import Draft
from sandbox.discord.state.models import Overwrite
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import GENERAL, OTHER_GENERAL, VIDEOS
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import picture
from tests.e2e.running import Running, running_bot
from tests.messages_view import EPHEMERAL, Json, answered_text, buttons
from tests.security.conftest import Tally

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENGLISH = Messages.for_locale("en-US")
NOT_FOUND = ENGLISH.explain(Code.NOT_FOUND, {})
NOT_YOURS = ENGLISH.explain(Code.NOT_YOURS, {})
NOT_REMEMBERED = ENGLISH.explain(Code.FILES_FORGOTTEN, {})
NOT_RETRIED = ENGLISH.explain(Code.REQUEST_FORGOTTEN, {})
UNKNOWN = ENGLISH.say("failure.unknown_control")


class Right(StrEnum):
    """What a verb asks of the one who presses it."""

    SEE = "may see the video"
    CHANGE = "asked for the video, or moderates there"
    READ = "is the person whose history it is, or moderates the server"
    OPENER = "opened the form"
    MAKER = "made the request that was refused"
    ANYBODY = "opens an empty form for the one who presses"


RIGHTS: dict[Action, Right] = {
    Action.EDIT: Right.SEE,
    Action.AGAIN: Right.SEE,
    Action.EXTEND: Right.SEE,
    Action.DETAILS: Right.SEE,
    Action.FETCH: Right.SEE,
    Action.FORM_EDIT: Right.SEE,
    Action.FORM_EXTEND: Right.SEE,
    Action.DELETE: Right.CHANGE,
    Action.ERASE: Right.CHANGE,
    Action.CANCEL: Right.CHANGE,
    Action.DROP: Right.CHANGE,
    Action.DELIVER: Right.CHANGE,
    Action.HISTORY: Right.READ,
    Action.RETRY: Right.MAKER,
    Action.MAKE: Right.ANYBODY,
    Action.FORM_UPLOAD: Right.OPENER,
    Action.FORM_MAKE: Right.OPENER,
}
ABOUT_A_VIDEO = [action for action, right in RIGHTS.items() if right in {Right.SEE, Right.CHANGE}]


@dataclass
class Scene:
    """Tom's videos, finished and in the making, where others may and may not see them."""

    running: Running
    finished: dict[str, str] = field(default_factory=dict[str, str])
    open: dict[str, str] = field(default_factory=dict[str, str])

    def records(self) -> list[tuple[object, ...]]:
        """What a press could change: every generation, every entry of the books."""
        file = self.running.folder / "retake.db"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            rows = database.execute(
                "SELECT id, state, abandoned, deleted_at, request FROM generations ORDER BY id"
            ).fetchall()
            rows += database.execute("SELECT id, kind, generation_id FROM ledger").fetchall()
        database.close()
        return rows

    async def planted(self, channel_id: str, custom_id: str) -> str:
        """A message of the bot with a button of any id; its id."""
        button = {"type": 2, "id": 2, "style": 2, "label": "Press", "custom_id": custom_id}
        row = {"type": 1, "id": 1, "components": [button]}
        discord = self.running.sandbox.discord
        message = discord.messages.create(
            discord.world.channels[channel_id],
            discord.world.bot_id,
            Draft(content="x", components=[row]),
        )
        return message.id

    async def press(self, who: str, channel: str, custom_id: str) -> Json:
        """A button of that id, pressed in that channel; how it was answered."""
        people = self.running.sandbox.discord.people
        message_id = await self.planted(self.channel(who, channel), custom_id)
        pressed = await people.press(self.running.user(who), message_id, custom_id)
        return await people.interaction(pressed, wait=10)

    async def send_form(self, who: str, channel: str, custom_id: str) -> Json:
        """A form of that id, sent off without ever having been opened."""
        discord = self.running.sandbox.discord
        prompt = {"type": 4, "id": 2, "custom_id": "prompt", "value": "forged"}
        data = {
            "custom_id": custom_id,
            "components": [{"type": 18, "id": 1, "component": prompt}],
        }
        place = discord.world.channels[self.channel(who, channel)]
        # Discord always names what opened a form: whatever this person pressed last.
        opener = await self.press(who, channel, "rt:")
        begun = discord.interactions.begin(
            Kind.MODAL,
            self.running.user(who),
            place,
            data,
            behind=discord.interactions.get(opener["id"]),
        )
        return await discord.people.interaction(begun.id, wait=10)

    async def attempt(self, action: Action, who: str, channel: str, about: str) -> Json:
        custom_id = f"rt:{action}:{about}"
        if action in FORMS:
            return await self.send_form(who, channel, custom_id)
        return await self.press(who, channel, custom_id)

    def channel(self, who: str, name: str) -> str:
        if name != "dm":
            return name
        dm = self.running.sandbox.discord.world.dm(self.running.user(who))
        assert dm is not None
        return dm.id


PLACES: dict[str, dict[str, Any]] = {
    "public": {"channel": VIDEOS},
    "private": {"channel": VIDEOS, "private": True},
    "direct": {"channel": "dm"},
    "elsewhere": {"channel": OTHER_GENERAL},
}
SECRET = "secretword"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Scene]:
    async with running_bot(tmp_path_factory.mktemp("controls"), validator) as running:
        scene = Scene(running)
        tom = running.person("tom")

        async def make(state: str) -> None:
            prompts = {place: f"{SECRET} {place} {state}" for place in PLACES}
            for place, prompt in prompts.items():
                await tom.video(prompt, **PLACES[place])
            says = "🟢 **Done**" if state == "finished" else "Working"
            shown = await asyncio.gather(*(running.status(p, says) for p in prompts.values()))
            ids = {place: the_id(card) for place, card in zip(prompts, shown, strict=True)}
            setattr(scene, state, ids)

        await make("finished")
        running.sandbox.providers.evolink.add_fault(on="task", kind="stuck", times=len(PLACES))
        await make("open")
        yield scene


def the_id(message: Json) -> str:
    """The generation that a message of the bot's is about, by its buttons."""
    text = json.dumps(message["components"])
    return text.partition("rt:details:")[2][:20]


# Who has nothing to look for: not in that server, not that person, not from there.
OUTSIDERS = [
    ("public", "mira", OTHER_GENERAL),
    ("public", "tom", OTHER_GENERAL),
    ("public", "ana", "dm"),
    ("public", "mira", "dm"),
    ("private", "ana", GENERAL),
    ("private", "ana", VIDEOS),
    ("private", "mira", GENERAL),
    ("private", "mira", OTHER_GENERAL),
    ("private", "ana", "dm"),
    ("direct", "ana", "dm"),
    ("direct", "mira", "dm"),
    ("direct", "ana", GENERAL),
    ("direct", "mira", GENERAL),
    ("direct", "tom", GENERAL),
    ("elsewhere", "ana", GENERAL),
    ("elsewhere", "mira", GENERAL),
    ("elsewhere", "tom", GENERAL),
    ("elsewhere", "mira", "dm"),
]


def harmless(answered: Json, sentence: str) -> bool:
    """Whether somebody was refused with that sentence, in private, and learned nothing else."""
    messages = answered["responses"]
    return (
        answered["state"] == "answered"
        and answered["modal"] is None
        and all(message["flags"] & EPHEMERAL for message in messages)
        and answered_text(answered) == sentence
        and not any(message["attachments"] or message["components"] for message in messages)
        and SECRET not in json.dumps(answered)
    )


async def test_every_verb_has_a_right_and_a_case() -> None:
    assert set(RIGHTS) == set(Action), "say who may press the new one, and what it is tried with"
    assert set(RIGHTS.values()) == set(Right)


@pytest.mark.parametrize("action", ABOUT_A_VIDEO)
async def test_outsiders_get_nowhere_with_an_id(scene: Scene, tally: Tally, action: Action) -> None:
    before, paid = scene.records(), len(scene.running.paid())
    for place, who, channel in OUTSIDERS:
        for about in (scene.finished[place], scene.open[place]):
            answered = await scene.attempt(action, who, channel, about)
            tally.refused((action, place, who, channel), ok=harmless(answered, NOT_FOUND))
    assert scene.records() == before
    assert len(scene.running.paid()) == paid


@pytest.mark.parametrize("action", [v for v in Action if RIGHTS[v] is Right.CHANGE])
async def test_onlookers_change_nothing(scene: Scene, tally: Tally, action: Action) -> None:
    """Ana sees the video of Tom's, in the same channel, and may not touch it."""
    before = scene.records()
    for about in (scene.finished["public"], scene.open["public"]):
        for channel in (VIDEOS, GENERAL):
            answered = await scene.attempt(action, "ana", channel, about)
            tally.refused((action, channel), ok=harmless(answered, NOT_YOURS))
    assert scene.records() == before


async def test_those_with_the_right_are_served(scene: Scene) -> None:
    """Else refusing everybody would pass for safety."""
    for place, where in PLACES.items():
        channel = str(where["channel"])
        shown = await scene.press("tom", channel, f"rt:details:{scene.finished[place]}")
        assert f"{SECRET} {place} finished" in answered_text(shown)
    seen = await scene.press("ana", GENERAL, f"rt:details:{scene.finished['public']}")
    assert f"{SECRET} public finished" in answered_text(seen)
    own = await scene.press("tom", "dm", f"rt:details:{scene.finished['private']}")
    assert f"{SECRET} private finished" in answered_text(own)
    for who in ("tom", "mira"):
        asked = await scene.press(who, VIDEOS, f"rt:delete:{scene.finished['public']}")
        assert answered_text(asked) == ENGLISH.say("delete.ask")


async def test_histories_are_read_by_their_person_and_moderators(
    scene: Scene, tally: Tally
) -> None:
    tom = scene.running.user("tom")
    for who, channel in (("ana", GENERAL), ("ana", "dm"), ("mira", "dm")):
        answered = await scene.press(who, channel, f"rt:history:{tom}:0")
        tally.refused((who, channel), ok=harmless(answered, NOT_YOURS))
        command = await scene.running.person(who).command("history", channel=channel, member=tom)
        tally.refused((who, channel, "command"), ok=harmless(command, NOT_YOURS))
    mira = scene.running.person("mira")
    here = answered_text(await mira.command("history", channel=GENERAL, member=tom))
    there = answered_text(await mira.command("history", channel=OTHER_GENERAL, member=tom))
    assert f"{SECRET} public finished" in here
    assert f"{SECRET} elsewhere finished" in there
    for word, shown in (("private", here), ("direct", here), ("elsewhere", here)):
        tally.refused(f"mira here: {word}", ok=word not in shown)
    for word in ("public", "private", "direct"):
        tally.refused(f"mira there: {word}", ok=word not in there)


async def test_a_moderator_of_one_channel_reads_no_histories(scene: Scene, tally: Tally) -> None:
    discord = scene.running.sandbox.discord
    ana, tom = scene.running.user("ana"), scene.running.user("tom")
    overwrites = discord.world.channels[GENERAL].overwrites
    overwrites[ana] = Overwrite(id=ana, of_member=True, allow=Permission.MANAGE_MESSAGES)
    try:
        answered = await scene.press("ana", GENERAL, f"rt:history:{tom}:0")
    finally:
        del overwrites[ana]
    tally.refused("history", ok=harmless(answered, NOT_YOURS))


async def test_a_form_is_for_the_one_who_opened_it(scene: Scene, tally: Tally) -> None:
    running, before = scene.running, scene.records()
    tom = running.person("tom")
    clip = await tom.upload("mine.mp4", (running.folder / "film.mp4").read_bytes())
    image = await tom.upload("mine.png", picture())
    posted = await tom.write(VIDEOS, "look", files=[clip, image])
    opened = await tom.menu("Edit video", posted)
    assert opened["modal"]["custom_id"] == f"rt:fupload:{posted['id']}"
    opened = await tom.menu("Make a video of this", posted)
    assert opened["modal"]["custom_id"] == f"rt:fmake:{posted['id']}"
    for action in (v for v in Action if RIGHTS[v] is Right.OPENER):
        for who, channel in (("ana", VIDEOS), ("mira", GENERAL), ("ana", "dm")):
            for about in (posted["id"], "1", str(2**63)):
                answered = await scene.attempt(action, who, channel, about)
                tally.refused((action, who, about), ok=harmless(answered, NOT_REMEMBERED))
    assert scene.records() == before


async def test_a_refused_request_is_retried_by_its_maker_alone(scene: Scene, tally: Tally) -> None:
    running, before, paid = scene.running, scene.records(), len(scene.running.paid())
    tom = running.person("tom")
    image = await tom.upload("mine.png", picture())
    scratch = running.folder / "media" / "scratch"
    scratch.rename(scratch.with_name("away"))
    scratch.write_text("in the way of every file")
    refused = (await tom.video("refused once", image=image))["responses"][0]
    scratch.unlink()
    scratch.with_name("away").rename(scratch)
    custom_id = buttons(refused)["Retry"]
    for who, channel in (("ana", VIDEOS), ("mira", GENERAL), ("ana", "dm")):
        answered = await scene.press(who, channel, custom_id)
        tally.refused((who, channel), ok=harmless(answered, NOT_RETRIED))
    for about in (refused["id"], "1", str(2**63)):
        answered = await scene.press("tom", VIDEOS, f"rt:retry:{about}")
        tally.refused(("tom", about), ok=harmless(answered, NOT_RETRIED))
    assert scene.records() == before
    assert len(running.paid()) == paid
    await tom.press(refused, "Retry")
    await running.status("refused once", "🟢 **Done**")


@pytest.mark.parametrize("action", list(Action))
async def test_a_button_is_no_form_and_a_form_no_button(
    scene: Scene, tally: Tally, action: Action
) -> None:
    before = scene.records()
    tom = scene.running.user("tom")
    arguments = {Right.READ: f"{tom}:0", Right.OPENER: "1", Right.MAKER: "1"}
    custom_id = f"rt:{action}:{arguments.get(RIGHTS[action], scene.open['public'])}"
    wrong_way = scene.press if action in FORMS else scene.send_form
    answered = await wrong_way("tom", VIDEOS, custom_id)
    tally.refused(action, ok=harmless(answered, UNKNOWN))
    assert scene.records() == before


BROKEN = [
    "rt:", "rt:again", "rt:again:", "rt:again:{id}:", "rt:again:{id} ", " rt:again:{id}",
    "RT:again:{id}", "rt:AGAIN:{id}", "rt:again:{ID}", "rt:again:{id}\n", "rt:again:{id}\0",
    "rt:again:" + "9" * 20 + "w", "rt:again:٠" + "0" * 19, "rt:again:../../etc/passwd",
    "rt:erase:{id}' OR '1'='1", "rt:erase:%", "rt:erase:{id};DROP TABLE generations",
    "rt:history:{tom}:-1", "rt:history:{tom}:99999999999", "rt:history:0:0", "rt:history::",
    "rt:history:{tom}:0:1", "rt:history:" + "9" * 30 + ":0", "rt:nothing:{id}",
    "rt:__class__:{id}", "rt:retry:{id}", "rt:retry:01", "rt:again:{id}" + "x" * 60,
]  # fmt: skip


async def test_broken_ids_mean_nothing(scene: Scene, tally: Tally) -> None:
    before = scene.records()
    about, tom = scene.open["public"], scene.running.user("tom")
    for broken in BROKEN:
        custom_id = broken.format(id=about, ID=about.upper(), tom=tom)[:100]
        if custom_id.startswith(("rt:", "RT:")):
            answered = await scene.press("tom", VIDEOS, custom_id)
            if custom_id.startswith("rt:"):
                tally.refused(custom_id, ok=harmless(answered, UNKNOWN))
        answered = await scene.send_form("tom", VIDEOS, custom_id)
        tally.refused(("form", custom_id), ok=harmless(answered, UNKNOWN))
    assert scene.records() == before


async def test_an_unknown_id_of_the_right_form_is_not_found(scene: Scene, tally: Tally) -> None:
    before = scene.records()
    for action in ABOUT_A_VIDEO:
        for about in ("0" * 20, "v" * 20):
            answered = await scene.attempt(action, "mira", VIDEOS, about)
            tally.refused((action, about), ok=harmless(answered, NOT_FOUND))
    assert scene.records() == before


async def test_a_press_that_arrives_twice_counts_once(scene: Scene, tally: Tally) -> None:
    """After a resume Discord may tell an event again."""
    running, discord = scene.running, scene.running.sandbox.discord
    await running.person("tom").video("told again")
    finished = the_id(await running.film("told again"))
    position, paid = discord.position, len(running.paid())
    answered = await scene.press("tom", VIDEOS, f"rt:again:{finished}")
    event = await discord.wait(
        "INTERACTION_CREATE", lambda wire: wire["id"] == answered["id"], after=position
    )
    for _ in range(3):
        discord.sessions.send("INTERACTION_CREATE", event["data"])
    # Whoever comes after them is answered after them: then the repeated ones are through.
    await scene.press("tom", VIDEOS, f"rt:details:{finished}")
    await discord.wait(
        "MESSAGE_CREATE",
        lambda m: bool(m["attachments"]) and "**told again**" in m["content"],
        after=position,
        timeout=20,
    )
    await running.person("tom").video("to be sure")
    await running.status("to be sure", "🟢 **Done**")
    tally.refused("replayed", ok=len(running.paid()) == paid + 2)
    keys = [row for row in scene.records() if "told again" in str(row[-1])]
    assert len(keys) == 2


@pytest.mark.parametrize("place", ["private", "direct", "elsewhere"])
async def test_menus_and_replies_do_not_open_what_one_may_not_see(
    scene: Scene, tally: Tally, place: str
) -> None:
    """A message of ours that names a video of another place, as if its buttons had been copied."""
    running, before = scene.running, scene.records()
    ana = running.person("ana")
    planted = await scene.planted(GENERAL, f"rt:edit:{scene.finished[place]}")
    message = {"id": planted, "channel_id": GENERAL}
    answered = await ana.menu("Edit video", message)
    tally.refused("menu", ok=harmless(answered, NOT_FOUND))
    reply = await ana.reply(message, "make it mine")
    discord = running.sandbox.discord
    event = await discord.wait(
        "MESSAGE_CREATE",
        lambda m: (m.get("message_reference") or {}).get("message_id") == reply["id"],
    )
    said = event["data"]
    assert said["content"] == NOT_FOUND
    tally.refused("reply", ok=SECRET not in json.dumps(said))
    assert running.submitted("make it mine") == []
    assert scene.records() == before
