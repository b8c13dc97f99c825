"""Standing and rules with the real bot: jobs and cancelling, history, quotas and limits."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox.discord.rules.errors import Refused
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.providers.service import Provider
from tests.e2e.running import AT_ONCE, Running, running_bot
from tests.messages_view import Json, answered_text, buttons, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE_EACH = {"providers.evolink": "max_running = 1", "providers.apimart": "max_running = 1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("panels")
    config = "\n[limits]\nvideos = 50\nconcurrent = 0\n" + AT_ONCE
    async with running_bot(folder, validator, config=config, within=ONE_EACH) as running:
        yield running


async def taken(provider: Provider, prompt: str) -> None:
    """Wait until a provider has accepted the task of a prompt."""
    await provider.wait(lambda g: any(t.submission.prompt == prompt for t in g.tasks.values()))


def finish(provider: Provider, prompt: str) -> None:
    (task,) = [t for t in provider.tasks.values() if t.submission.prompt == prompt]
    provider.book.finish(task)


def in_words(text: str) -> str:
    """A text with every time taken out of it."""
    return re.sub(r"<t:\d+:\w>", "<time>", text)


async def limit(running: Running, member: str, **values: int | str) -> str:
    """``/limits user`` by the admin, and what it showed."""
    mira = running.person("mira")
    named: dict[str, Any] = {"member": running.user(member), **values}
    return answered_text(await mira.command("limits", path=("user",), **named))


async def reset(running: Running, member: str) -> str:
    mira = running.person("mira")
    return answered_text(await mira.command("limits", path=("reset",), member=running.user(member)))


async def test_a_row_with_cancel_discard_and_deliver(running: Running) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    evolink, apimart = running.sandbox.providers.evolink, running.sandbox.providers.apimart
    assert (
        answered_text(await tom.command("jobs"))
        == "You have no videos in progress. Start one with `/video`."
    )
    evolink.add_fault(on="task", kind="stuck")
    apimart.add_fault(on="task", kind="stuck")
    await tom.video("first in line")
    await taken(evolink, "first in line")
    await tom.video("second in line")
    await taken(apimart, "second in line")
    third = answered_text(await tom.video("third in line"))
    assert "You're number 1 in the queue" in third
    await running.status("third in line", "🟡 **Waiting**, number 1 in the queue")
    assert "You're number 2 in the queue" in answered_text(await tom.video("fourth in line"))
    await running.status("fourth in line", "🟡 **Waiting**, number 2 in the queue")

    jobs = await tom.command("jobs")
    (listed,) = jobs["responses"]
    assert "**third in line**\n🟡 **Waiting**, number 1 in the queue" in answered_text(jobs)
    assert "**fourth in line**\n🟡 **Waiting**, number 2 in the queue" in answered_text(jobs)
    assert "**first in line**\n🔵 **Working**" in answered_text(jobs)
    assert answered_text(await ana.command("jobs")).startswith("You have no videos in progress.")

    status = await running.status("third in line", "in the queue")
    refused = answered_text(await ana.press(status, "Cancel"))
    assert refused == "Only the member who requested it, or a moderator, can do that."
    done = answered_text(await tom.press(status, "Cancel"))
    assert done == "Cancelled. Nothing was charged, and it didn't count against your limit."
    await running.status("third in line", "⚪ **Cancelled.** This didn't count against your limit.")
    await running.status("fourth in line", "🟡 **Waiting**, number 1 in the queue")
    assert "**Videos** 3 of 50 today" in answered_text(await tom.command("quota"))
    assert running.submitted("third in line") == []

    asked = await cancel(running, listed, "first in line")
    assert answered_text(asked) == (
        "The video service has already started and can't be stopped. Discard the video when it's"
        " done, or deliver it? It counts against your limit either way."
    )
    (choice,) = asked["responses"]
    assert list(buttons(choice)) == ["Discard", "Deliver"]
    dropped = answered_text(await tom.press(choice, "Discard"))
    assert dropped == (
        "OK, I won't post it. If the video service finishes it, it will count against your limit."
    )
    await running.status("first in line", "You asked me to discard this video")
    finish(evolink, "first in line")
    counted = "The video service had already made it, so it counted against your limit."
    await running.status("first in line", f"⚪ **Cancelled.** {counted}")

    asked = await cancel(running, listed, "second in line")
    (choice,) = asked["responses"]
    await tom.press(choice, "Discard")
    kept = answered_text(await tom.press(choice, "Deliver"))
    assert kept == "OK, I'll post it when it's ready."
    finish(apimart, "second in line")
    await running.film("second in line")
    await running.film("fourth in line")
    assert all("first in line" not in video["content"] for video in running.posted_videos())
    over = answered_text(await cancel(running, listed, "second in line"))
    assert over == "Nothing to cancel: it has already finished."
    assert "**Videos** 3 of 50 today" in answered_text(await tom.command("quota"))


async def cancel(running: Running, listed: Json, prompt: str) -> Json:
    """Tom presses Cancel beside a prompt in a list of jobs."""
    (custom_id,) = [
        section["accessory"]["custom_id"]
        for container in listed["components"]
        for section in container["components"]
        if section["type"] == 9 and prompt in section["components"][0]["content"]
    ]
    people = running.sandbox.discord.people
    pressed = await people.press(running.user("tom"), listed["id"], custom_id)
    return await people.interaction(pressed, wait=20)


async def test_a_moderator_cancels_for_others(running: Running) -> None:
    tom, mira = running.person("tom"), running.person("mira")
    evolink, apimart = running.sandbox.providers.evolink, running.sandbox.providers.apimart
    evolink.add_fault(on="task", kind="stuck")
    apimart.add_fault(on="task", kind="stuck")
    await tom.video("keeps evolink busy")
    await taken(evolink, "keeps evolink busy")
    await tom.video("keeps apimart busy")
    await taken(apimart, "keeps apimart busy")
    await tom.video("not in this server")
    status = await running.status("not in this server", "in the queue")
    assert answered_text(await mira.press(status, "Cancel")).startswith("Cancelled.")
    await running.status("not in this server", "⚪ **Cancelled.**")
    finish(evolink, "keeps evolink busy")
    finish(apimart, "keeps apimart busy")
    await running.film("keeps evolink busy")
    await running.film("keeps apimart busy")


async def test_history_has_pages_links_and_a_form_for_a_video(running: Running) -> None:
    ana, mira, tom = (running.person(name) for name in ("ana", "mira", "tom"))
    assert "Nothing here yet. Make your first video with `/video`." in answered_text(
        await ana.command("history")
    )
    for number in range(1, 8):
        await ana.video(f"memory {number}")
        await running.film(f"memory {number}")
    video = await running.film("memory 7")
    await running.status("memory 7", "🟢 **Done**")
    shown = await ana.command("history")
    text = answered_text(shown)
    assert text.startswith("### Your videos\n**memory 7**\n-# v1 · done · [open](<https://")
    assert f"/{video['channel_id']}/{video['id']}>)" in text
    assert "**memory 3**" in text
    assert "**memory 2**" not in text
    assert "-# Page 1" in text
    (first,) = shown["responses"]
    await ana.press(first, "Older")
    turned = words(running.now(first))
    assert "**memory 2**" in turned
    assert "**memory 1**" in turned
    assert "-# Page 2" in turned
    assert "memory 7" not in turned
    await ana.press(running.now(first), "Newer")
    assert "**memory 7**" in words(running.now(first))

    seen = answered_text(await mira.command("history", member=ana.id))
    assert seen.startswith(f"### Videos of <@{ana.id}>\n**memory 7**")
    refused = answered_text(await tom.command("history", member=ana.id))
    assert refused == "Only the member who requested it, or a moderator, can do that."
    assert "Nothing here yet." in answered_text(await ana.command("history", channel="dm"))


async def test_the_number_of_videos_is_limited(running: Running) -> None:
    tom = running.person("tom")
    await reset(running, "tom")
    shown = await limit(running, "tom", videos=1, period="week")
    assert shown.startswith(f"### Quota of <@{tom.id}>\n**Videos** 0 of 1 this week · 1 left")
    await tom.video("the one and only")
    refused = answered_text(await tom.video("one too many"))
    assert in_words(refused) == (
        "You've used 1 of 1 video this week. That's your personal limit; it resets <time>."
        " If you need more, ask an admin of this server."
    )
    await running.film("the one and only")
    assert running.submitted("one too many") == []
    quota = in_words(answered_text(await tom.command("quota")))
    assert quota.startswith("### Your quota\n**Videos** 1 of 1 this week · 0 left\n`▰")
    assert "Resets <time> (<time>)." in quota
    assert "Videos follow your personal limit; seconds follow the bot's default limit." in quota
    fresh = await reset(running, "tom")
    assert "**Videos** 0 of 50 today · 50 left" in fresh
    await tom.video("one more after all")
    await running.film("one more after all")


async def test_seconds_companions_and_pauses_are_limited(running: Running) -> None:
    tom = running.person("tom")
    evolink = running.sandbox.providers.evolink
    await reset(running, "tom")
    await limit(running, "tom", seconds=6)
    refused = answered_text(await tom.video("too long a story", duration="8"))
    assert in_words(refused) == (
        "This needs 8 seconds, and you've used 0 of 6 seconds today. That's your personal limit;"
        " it resets <time>. A shorter video may still fit."
    )

    await limit(running, "tom", seconds=1000, concurrent=1)
    evolink.add_fault(on="task", kind="stuck")
    await tom.video("a slow one")
    await taken(evolink, "a slow one")
    refused = answered_text(await tom.video("an impatient one"))
    assert refused == (
        "You already have 1 video in progress, and your personal limit is 1 at a time."
        " Wait for one to finish, or cancel one with `/jobs`."
    )
    finish(evolink, "a slow one")
    await running.film("a slow one")

    await limit(running, "tom", concurrent=9, cooldown=600)
    refused = answered_text(await tom.video("a hasty one"))
    assert in_words(refused) == (
        "Please wait: your personal limit is one video every 10 minutes."
        " You can make the next one <time>."
    )
    await reset(running, "tom")
    for prompt in ("too long a story", "an impatient one", "a hasty one"):
        assert running.submitted(prompt) == []


async def test_a_servers_rule_takes_effect_at_once(running: Running) -> None:
    ana, mira = running.person("ana"), running.person("mira")
    await reset(running, "ana")
    saved = answered_text(await mira.command("limits", path=("server",), videos=1, concurrent=2))
    assert "Saved." in saved
    assert "**Everyone** 1 video per day · unlimited seconds · 2 at a time" in saved
    assert "1 of 1 videos left" not in saved
    await ana.video("by the new rule")
    refused = answered_text(await ana.video("against the new rule"))
    assert "You've used 1 of 1 video today. That's this server's limit;" in refused
    await limit(running, "ana", videos=2)
    await ana.video("by a rule of my own")
    shown = answered_text(await mira.command("limits", path=("show",)))
    assert f"<@{ana.id}> 2 videos" in shown
    nothing = answered_text(await mira.command("limits", path=("server",)))
    assert nothing == "Choose at least one limit to change."
    zero = answered_text(await mira.command("limits", path=("server",), videos=0))
    assert "`videos` can't be 0 yet" in zero
    assert "1 video per day" in answered_text(await mira.command("limits", path=("show",)))
    # Direct messages belong to no server: its rule does not reach there.
    await ana.video("far from the rule", channel="dm")
    await mira.command("limits", path=("server",), videos=50, concurrent=9)
    await reset(running, "ana")
    for prompt in ("by the new rule", "by a rule of my own", "far from the rule"):
        await running.film(prompt)
    with pytest.raises(Refused):
        await ana.command("limits", path=("show",))


async def test_parallel_requests_cannot_slip_past(running: Running) -> None:
    ana = running.person("ana")
    await limit(running, "ana", videos=3)
    before = len(running.paid())
    answers = await asyncio.gather(*(ana.video(f"all at once {n}") for n in range(10)))
    texts = [answered_text(answer) for answer in answers]
    assert sum("### On it" in text for text in texts) == 3
    assert sum("You've used 3 of 3 videos today." in text for text in texts) == 7
    made = [n for n, text in enumerate(texts) if "### On it" in text]
    for number in made:
        await running.film(f"all at once {number}")
    assert len(running.paid()) == before + 3
    await reset(running, "ana")


async def test_what_fails_does_not_count(running: Running) -> None:
    ana = running.person("ana")
    await limit(running, "ana", videos=1)
    running.sandbox.providers.evolink.add_fault(on="task", kind="fail")
    await ana.video("doomed")
    await running.status("doomed", "This didn't count against your limit.")
    assert "**Videos** 0 of 1 today" in answered_text(await ana.command("quota"))
    await ana.video("blessed")
    await running.film("blessed")
    await reset(running, "ana")
