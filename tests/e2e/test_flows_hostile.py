"""People who try things: forged buttons, other people's videos, prompts made to break out."""

import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.discord.behaviour.interactions import Kind
from sandbox.discord.rules.message_rules import Draft
from sandbox.discord.state.seed import OTHER_GENERAL, VIDEOS
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.running import Running, running_bot
from tests.messages_view import Json, answered_text, buttons, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_SEEN = "I can't find that video, or you don't have access to it here."
NO_BUTTON = "I don't recognize that button. Please use a newer message."
NOT_YOURS = "Only the member who requested it, or a moderator, can do that."
ABOUT_A_VIDEO = ("edit", "again", "extend", "details", "fetch", "delete", "erase")
UNDER_WAY = ("cancel", "drop", "deliver")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    async with running_bot(tmp_path_factory.mktemp("hostile"), validator) as running:
        yield running


async def forged(running: Running, by: str, custom_id: str, *, channel: str = VIDEOS) -> Json:
    """A button of the bot's with an id that it never made, pressed."""
    discord = running.sandbox.discord
    place = discord.world.channels[channel]
    button = {"type": 2, "id": 2, "style": 2, "label": "Press", "custom_id": custom_id}
    row = {"type": 1, "id": 1, "components": [button]}
    message = discord.messages.create(place, discord.world.bot_id, Draft(components=[row]))
    pressed = await discord.people.press(running.user(by), message.id, custom_id)
    found = await discord.people.interaction(pressed, wait=20)
    assert found["state"] == "answered", found
    return found


async def sent_off(running: Running, by: str, custom_id: str, *, channel: str = VIDEOS) -> Json:
    """A form that was never opened, sent off."""
    discord = running.sandbox.discord
    field = {"type": 4, "id": 2, "custom_id": "prompt", "value": "forged"}
    data = {
        "custom_id": custom_id,
        "components": [{"type": 18, "id": 1, "component": field}],
    }
    place, user = discord.world.channels[channel], running.user(by)
    before = await running.person(by).command("quota", channel=channel)
    behind = discord.interactions.get(before["id"])
    interaction = discord.interactions.begin(Kind.MODAL, user, place, data, behind=behind)
    found = await discord.people.interaction(interaction.id, wait=20)
    assert found["state"] == "answered", found
    return found


def id_of(video: Json) -> str:
    return buttons(video)["Details"].rsplit(":", 1)[1]


async def test_a_private_video_is_nobody_elses(running: Running) -> None:
    await running.person("tom").video("my diary", private=True)
    secret = id_of(await running.film("my diary"))
    paid = len(running.paid())
    for by in ("ana", "mira"):
        for verb in (*ABOUT_A_VIDEO, *UNDER_WAY):
            said = answered_text(await forged(running, by, f"rt:{verb}:{secret}"))
            assert said == NOT_SEEN, verb
        for form in ("fedit", "fextend"):
            said = answered_text(await sent_off(running, by, f"rt:{form}:{secret}"))
            assert said == NOT_SEEN, form
    history = answered_text(
        await running.person("mira").command("history", member=running.user("tom"))
    )
    assert "my diary" not in history
    assert len(running.paid()) == paid
    shown = answered_text(await forged(running, "tom", f"rt:details:{secret}"))
    assert "**Prompt**\nmy diary" in shown


async def test_a_video_of_another_server_is_out_of_reach(running: Running) -> None:
    await running.person("tom").video("only for the studio")
    video = await running.film("only for the studio")
    paid = len(running.paid())
    for verb in (*ABOUT_A_VIDEO, *UNDER_WAY):
        custom_id = f"rt:{verb}:{id_of(video)}"
        said = answered_text(await forged(running, "mira", custom_id, channel=OTHER_GENERAL))
        assert said == NOT_SEEN, verb
    said = answered_text(
        await sent_off(running, "mira", f"rt:fedit:{id_of(video)}", channel=OTHER_GENERAL)
    )
    assert said == NOT_SEEN
    assert len(running.paid()) == paid
    assert video["id"] in running.sandbox.discord.world.messages


async def test_a_direct_message_is_between_two(running: Running) -> None:
    await running.person("ana").video("whispered", channel="dm")
    video = await running.film("whispered")
    dm = running.sandbox.discord.world.dm(running.user("tom"))
    assert dm is not None
    for channel in (dm.id, VIDEOS):
        for verb in (*ABOUT_A_VIDEO, *UNDER_WAY):
            custom_id = f"rt:{verb}:{id_of(video)}"
            assert (
                answered_text(await forged(running, "tom", custom_id, channel=channel)) == NOT_SEEN
            )


async def test_others_may_look_but_not_take_away(running: Running) -> None:
    running.sandbox.providers.evolink.add_fault(on="task", kind="stuck")
    await running.person("tom").video("hands off")
    status = await running.status("hands off", "🔵 **Working**")
    for verb in UNDER_WAY:
        said = answered_text(await forged(running, "ana", f"rt:{verb}:{id_of(status)}"))
        assert said == NOT_YOURS, verb
    (task,) = [
        task
        for task in running.sandbox.providers.evolink.tasks.values()
        if task.submission.prompt == "hands off"
    ]
    running.sandbox.providers.evolink.book.finish(task)
    video = await running.film("hands off")
    for verb in ("delete", "erase"):
        assert answered_text(await forged(running, "ana", f"rt:{verb}:{id_of(video)}")) == NOT_YOURS
    assert video["id"] in running.sandbox.discord.world.messages
    said = answered_text(await forged(running, "ana", f"rt:history:{running.user('mira')}:0"))
    assert said == NOT_YOURS


@pytest.mark.parametrize(
    "custom_id",
    [
        "rt:",
        "rt:edit:",
        "rt:nothing:00000000000000000007",
        "rt:edit:0000000000000000000Z",
        "rt:edit:../../etc/passwd",
        "rt:erase:' OR 1=1 --",
        "rt:history:0:0",
        "rt:history:1:99999",
        "rt:fedit:00000000000000000007",
    ],
)
async def test_ids_that_say_nothing_do_nothing(running: Running, custom_id: str) -> None:
    assert answered_text(await forged(running, "tom", custom_id)) == NO_BUTTON


async def test_ids_of_nothing_that_ever_was(running: Running) -> None:
    for verb in (*ABOUT_A_VIDEO, *UNDER_WAY):
        assert answered_text(await forged(running, "tom", f"rt:{verb}:{'0' * 20}")) == NOT_SEEN
    said = answered_text(await sent_off(running, "tom", "rt:fmake:123456789012345678"))
    assert said.startswith("That message is too old: I no longer know which files belong to it.")


PROMPTS = {
    "pings": "@everyone @here <@&150000000000000001> <@130000000000000001> <#140000000000000001>",
    "markdown": "# big **bold** _thin_ ~~gone~~ ||hidden|| `code` > quote\n- list\n1. one",
    "links": "see https://evil.example/x?y=1 or [here](https://evil.example) discord.gg/evil",
    "right to left": "\u202eהיפוך של הכול\u202c ועוד",
    "emoji": "👩\u200d👩\u200d👧\u200d👦 dances with 🏳️\u200d🌈 and 🇩🇪 " + "🦊" * 40,
    "endless": "word " * 800,
    "no spaces": "x" * 4000,
    "controls": "a\u0000b\u0007c\u200b\u2066d",
}


@pytest.mark.parametrize("kind", PROMPTS)
async def test_a_prompt_is_only_ever_text(running: Running, kind: str) -> None:
    prompt = PROMPTS[kind]
    tom, discord = running.person("tom"), running.sandbox.discord
    position = discord.position
    before = Counter(provider for provider, _ in running.submissions())
    receipt = await tom.video(prompt)
    video = (await running.next_video(after=position))["data"]
    bought = Counter(provider for provider, _ in running.submissions())
    assert bought - before == Counter(evolink=1)
    details = await tom.press(video, "Details")
    history = await tom.command("history")
    thread = discord.world.channels[video["channel_id"]]
    opened = running.now({"id": thread.id})
    seen = [video, opened, *receipt["responses"], *details["responses"], *history["responses"]]
    for message in seen:
        # What stands behind a backslash is no mark any more.
        text = re.sub(r"\\.", "·", words(message))
        assert message["mention_everyone"] is False
        assert message["mention_roles"] == []
        assert {user["id"] for user in message["mentions"]} <= {tom.id}
        assert not message["embeds"]
        for mark in ("@everyone", "@here", "<@&", "<#140000000000000001>", "||hidden", "**bold**"):
            assert mark not in text.replace(f"<@{tom.id}>", ""), text
        for link in ("https://evil", "](https", "discord.gg/evil"):
            assert link not in text, text
        for hidden in ("\u202e", "\u2066", "\u200b", "\u0007", "\u0000"):
            assert hidden not in text, text
        assert "\n# big" not in text
    assert len(video["content"]) <= 2000
    assert thread.name is not None
    assert 1 <= len(thread.name) <= 100
    assert "\n" not in thread.name
    (file,) = video["attachments"]
    assert len(file["description"]) <= 1024
    assert "everyone" not in file["filename"] or "@" not in file["filename"]
    await tom.press(video, "Edit")


async def test_a_long_prompt_is_kept_whole(running: Running) -> None:
    tom = running.person("tom")
    prompt = ("a very long story about a fox and a hedgehog " * 88)[:3950].strip()
    position = running.sandbox.discord.position
    await tom.video(prompt)
    await running.next_video(after=position)
    assert running.submitted(prompt)[0][1]["prompt"] == prompt
