"""Jobs, history, details, deleting, quota and limits; and ids that the bot did not make."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import ui

from bot.domain.errors import Code, Refused
from bot.domain.generation import LiveStatus, State
from bot.domain.limits import LimitRule, Limits, Period, Scope
from bot.services.cancel import CancelResult
from bot.services.delete import DeletionReason
from sandbox.discord.state.seed import ANA, GENERAL, MIRA, STUDIO, TOM
from tests.fakes.services import NOON, delivered, generation
from tests.integration.flows.conftest import Retake, texts
from tests.messages_view import buttons

FOX = delivered(7)


async def test_nothing_in_the_making(retake: Retake) -> None:
    assert "no videos in progress" in texts(await retake.command("tom", "jobs"))


async def test_jobs_show_where_they_stand_and_can_be_cancelled(retake: Retake) -> None:
    retake.services.jobs.open = [
        (generation(1), LiveStatus(position=2, eta_at=NOON)),
        (generation(2, state=State.RUNNING), LiveStatus(progress=50)),
    ]
    shown = await retake.command("tom", "jobs")
    text = texts(shown)
    assert "**Waiting**, number 2 in the queue · expected <t:1795176000:R>" in text
    assert "`▰▰▰▰▰▰▱▱▱▱▱▱` 50 %" in text
    (viewer,) = [call[1] for call in retake.services.jobs.made]
    assert (viewer.user_id, viewer.guild_id, viewer.moderator) == (int(TOM), int(STUDIO), False)
    message = shown["responses"][0]
    answered = await retake.press("tom", message["id"], f"rt:cancel:{generation(1).id}")
    assert "didn't count against your limit" in texts(answered)


async def test_many_jobs_fit_one_card(retake: Retake) -> None:
    retake.services.jobs.open = [
        (generation(n, request=replace(generation().request, prompt="long " * 200)), LiveStatus())
        for n in range(1, 31)
    ]
    assert "And 21 videos more." in texts(await retake.command("tom", "jobs"))


@pytest.mark.parametrize(("label", "decision"), [("Discard", "drop"), ("Deliver", "keep")])
async def test_what_the_service_cannot_stop_is_for_the_person_to_decide(
    retake: Retake, label: str, decision: str
) -> None:
    retake.services.cancel.result = CancelResult.SUBMITTED
    retake.services.cancel.subject = subject = generation(5, state=State.RUNNING)
    retake.services.jobs.open = [(subject, LiveStatus())]
    jobs = await retake.command("tom", "jobs")
    asked = await retake.press("tom", jobs["responses"][0]["id"], f"rt:cancel:{subject.id}")
    assert "can't be stopped" in texts(asked)
    choice = asked["responses"][0]
    answered = await retake.press("tom", choice["id"], buttons(choice)[label])
    assert retake.services.cancel.made[-1][:2] == (decision, subject.id)
    assert "OK, I" in texts(answered)


async def test_what_is_over_cannot_be_cancelled(retake: Retake) -> None:
    retake.services.cancel.result = CancelResult.ENDED
    retake.services.jobs.open = [(generation(1), LiveStatus())]
    jobs = await retake.command("tom", "jobs")
    pressed = f"rt:cancel:{generation(1).id}"
    answered = await retake.press("tom", jobs["responses"][0]["id"], pressed)
    assert "already finished" in texts(answered)


async def test_history_has_pages_links_and_details(retake: Retake) -> None:
    retake.services.history.items = [delivered(n, message_id=n) for n in range(1, 8)]
    shown = await retake.command("tom", "history")
    first = shown["responses"][0]
    assert "[open](<https://discord.com/channels/1/2/1>)" in texts(shown)
    assert buttons(first)["Older"] == f"rt:history:{TOM}:1"
    await retake.press("tom", first["id"], f"rt:history:{TOM}:1")
    turned = retake.standin.world.messages[first["id"]]
    assert "Page 2" in str(turned.components)
    assert retake.services.history.made[-1][2:] == (int(TOM), 1)
    detailed = await retake.press("tom", first["id"], f"rt:details:{delivered(6).id}")
    assert "**Model** Omni Flash (EvoLink), video from text" in texts(detailed)


async def test_an_empty_history(retake: Retake) -> None:
    assert "Make your first video with `/video`." in texts(await retake.command("tom", "history"))


async def test_the_service_refuses_another_members_history(retake: Retake) -> None:
    retake.services.history.refusals.append(Refused(Code.NOT_YOURS))
    assert "or a moderator" in texts(await retake.command("tom", "history", member=ANA))
    shown = await retake.command("mira", "history", member=ANA)
    assert f"<@{ANA}> hasn't made a video here." in texts(shown)
    viewer = retake.services.history.made[-1][1]
    assert (viewer.user_id, viewer.moderator) == (int(MIRA), True)


async def test_a_video_that_could_not_be_posted_is_handed_over(
    retake: Retake, tmp_path: Path
) -> None:
    lost = replace(delivered(3, message_id=3), state=State.UNDELIVERABLE, posting=None)
    retake.services.history.items = [lost]
    retake.services.history.file = tmp_path / "video.mp4"
    retake.services.history.file.write_bytes(b"a video")
    shown = await retake.command("tom", "history")
    detailed = await retake.press("tom", shown["responses"][0]["id"], f"rt:details:{lost.id}")
    card = detailed["responses"][0]
    given = await retake.press("tom", card["id"], buttons(card)["Get the file"])
    assert [a["filename"] for a in given["responses"][0]["attachments"]] == [
        "a-fox-in-the-snow-v1.mp4"
    ]
    assert given["responses"][0]["flags"] & 64


@pytest.mark.parametrize(("gone", "says"), [(True, "Deleted."), (False, "a moderator can")])
async def test_deleting_asks_first(retake: Retake, gone: bool, says: str) -> None:
    retake.services.delete.message_gone = gone
    message = await retake.post_video(FOX)
    asked = await retake.press("mira", str(message.id), f"rt:delete:{FOX.id}")
    assert [call[0] for call in retake.services.delete.made] == ["check"]
    choice = asked["responses"][0]
    answered = await retake.press("mira", choice["id"], buttons(choice)["Delete for good"])
    assert says in texts(answered)
    name, deleted, viewer, reason = retake.services.delete.made[-1]
    assert (name, deleted, reason) == ("video", FOX.id, DeletionReason.BUTTON)
    assert (viewer.user_id, viewer.moderator) == (int(MIRA), True)


async def test_others_are_not_asked_whether_to_delete(retake: Retake) -> None:
    message = await retake.post_video(FOX)
    retake.services.delete.refusals.append(Refused(Code.NOT_YOURS))
    answered = await retake.press("ana", str(message.id), f"rt:delete:{FOX.id}")
    assert buttons(answered["responses"][0]) == {}
    assert "Only the member who requested it" in texts(answered)


async def test_quota(retake: Retake) -> None:
    text = texts(await retake.command("tom", "quota"))
    assert "**Videos** 3 of 5 today · 2 left" in text
    assert "Resets <t:1795219200:R>" in text
    assert "This is this server's limit." in text
    assert retake.services.limits.made == [("quota", int(STUDIO), int(TOM))]


async def test_limits_are_shown(retake: Retake) -> None:
    text = texts(await retake.command("mira", "limits", path=("show",)))
    assert "**Everyone** 10 videos per day · unlimited seconds · 3 at a time" in text
    assert f"<@{ANA}> 20 videos" in text


async def test_limits_of_the_server_are_set(retake: Retake) -> None:
    shown = await retake.command("mira", "limits", path=("server",), videos=4, period="week")
    rule = LimitRule(scope=Scope.SERVER, limits=Limits(videos=4, period=Period.WEEK))
    assert retake.services.limits.made[0] == ("change", int(STUDIO), int(MIRA), rule)
    assert "Saved." in texts(shown)
    assert "4 videos per week" in texts(shown)


async def test_limits_of_a_member_are_set(retake: Retake) -> None:
    shown = await retake.command("mira", "limits", path=("user",), member=ANA, videos=9, cooldown=0)
    limits = Limits(videos=9, cooldown=0)
    rule = LimitRule(scope=Scope.MEMBER, subject=int(ANA), limits=limits)
    assert retake.services.limits.made == [
        ("change", int(STUDIO), int(MIRA), rule),
        ("quota", int(STUDIO), int(ANA)),
    ]
    assert f"Quota of <@{ANA}>" in texts(shown)


async def test_limits_without_a_value_change_nothing(retake: Retake) -> None:
    shown = await retake.command("mira", "limits", path=("server",))
    assert "at least one limit" in texts(shown)
    assert retake.services.limits.made == []


async def test_a_member_starts_afresh(retake: Retake) -> None:
    shown = await retake.command("mira", "limits", path=("reset",), member=ANA)
    assert retake.services.limits.made[0] == ("reset", int(STUDIO), int(MIRA), int(ANA))
    assert "**Videos** 0 of 5 today" in texts(shown)


@pytest.mark.parametrize(
    "custom_id",
    [
        "rt:",
        "rt:nothing:00000000000000000007",
        "rt:edit:",
        "rt:edit:0000000000000000000Z",
        "rt:edit:00000000000000000007:more",
        "rt:edit:00000000000000000007\n",
        "rt:erase:' OR 1=1 --",
        "rt:history:0:0",
        "rt:history:1:99999",
        "rt:fedit:00000000000000000007",
    ],
)
async def test_ids_that_the_bot_never_made_are_refused_politely(
    retake: Retake, custom_id: str
) -> None:
    channel = retake.client.get_partial_messageable(int(GENERAL))
    view = ui.View(timeout=None)
    view.add_item(ui.Button(label="Press me", custom_id=custom_id))
    message = await channel.send("x", view=view)
    view.stop()
    answered = await retake.press("tom", str(message.id), custom_id)
    assert "I don't recognize that button." in texts(answered)
    assert retake.services.generate.made == []
    assert retake.services.lookup.made == []
    assert retake.services.history.made == []


async def test_a_press_that_fails_says_so(retake: Retake) -> None:
    message = await retake.post_video(FOX)
    retake.services.history.refusals.append(RuntimeError("a secret detail"))
    answered = await retake.press("tom", str(message.id), f"rt:details:{FOX.id}")
    assert "Something went wrong on my side." in texts(answered)
    assert "secret" not in texts(answered)


async def test_discords_own_refusal_is_put_into_words(retake: Retake) -> None:
    message = await retake.post_video(FOX)
    response: Any = SimpleNamespace(status=400, reason="Bad Request")
    retake.services.history.refusals.append(discord.HTTPException(response, "raw words"))
    answered = await retake.press("tom", str(message.id), f"rt:details:{FOX.id}")
    assert "I couldn't do that in Discord just now." in texts(answered)
