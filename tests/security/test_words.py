"""Words made to harm: in prompts, file names and what providers say. All of it is only text.

The bot is the real one. What counts is what Discord was sent: nothing mentions anybody but the
one who asked, and nothing of a person's or a provider's text is a mark, a link or a command.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from bot.media.engine import Engine
from bot.media.store import DiskMediaStore, safe_name
from bot.ui.text.markdown import plain
from sandbox.discord.state.seed import VIDEOS
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import picture
from tests.e2e.running import Running, running_bot
from tests.fakes.services import video_file
from tests.messages_view import Json, words
from tests.security.conftest import Tally

ROLE, ANA = "150000000000000001", "130000000000000003"
SHOUTS = [
    "@everyone look", "@here look", f"<@{ANA}> look", f"<@!{ANA}> look", f"<@&{ROLE}> look",
    f"<#{VIDEOS}> look", "</video:1> look", "<t:0:R> look", "<:x:1> <a:x:1> look",
    "<id:customize> look", "@\u200beveryone look", "@every\u200bone look", "\u202e@everyone look",
    "@everyone\u3164look", "**@everyone** `@here`",
]  # fmt: skip
MARKS = [
    "**bold** __under__ *it* _it_ ~~gone~~ ||spoiler|| look",
    "`code` ```js\nalert(1)\n``` look",
    "# heading look", "## heading look", "> quote look", ">>> quote look", "- list look",
    "* list look", "1. list look", "-# small look", "\n# heading look\n\n-# small",
    "[click](https://evil.example) look", "[click](<https://evil.example>) look",
    "[https://discord.com](https://evil.example) look", "https://evil.example look",
    "<https://evil.example> look", "discord.gg/evil look", "DISCORD.GG/evil look",
    "discord.com/invite/evil look", "steam://run/1 look", "mailto:a@evil.example look",
    "\\**bold\\** look", "\\\\**bold** look", "**\u200b** || || look", "x" * 3000 + " look",
    "“** · requested by <@1>\n**v9** look",
    "a** <@&1> **b look",
]  # fmt: skip
NAMES = [
    "../../../../etc/passwd.png", "..\\..\\windows\\win.ini.png", "/etc/cron.d/x.png",
    "C:\\x.png", "....//....//x.png", "%2e%2e%2fx.png", "a\0b.png", "-rf.png", "|id.png",
    "$(id).png", "`id`.png", "\u202egnp.exe", "@everyone.png", "**x**.png", "con.png",
    "x" * 300 + ".png", ".png", "..png", "a\nb.png", "file:x.png", "concat:a|b.png",
]  # fmt: skip

LOOP = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    async with running_bot(tmp_path_factory.mktemp("words"), validator) as running:
        yield running


def sent(running: Running, *, after: int) -> Iterator[Json]:
    """Every message or edit that Discord was sent, also inside answers to interactions."""
    for exchange in running.sandbox.discord.rest.exchanges.after(after):
        body = exchange["request"]
        if not isinstance(body, dict) or exchange["status"] >= 400:
            continue
        body = body.get("data") if exchange["route"].endswith("/callback") else body
        if isinstance(body, dict) and ("content" in body or "components" in body):
            yield body


# An odd number of backslashes before a sign makes it a sign and nothing more.
BARE = r"(?<!\\)(?:\\\\)*"
OURS = (
    f"<#{VIDEOS}>",
    r"<#1\d+>",
    r"<t:[1-9]\d+:[RfT]>",
    r"\[\w+\]\(<https://discord\.com/channels/[@\w/]+>\)",
)
MEANING = re.compile(
    BARE + r"(@everyone|@here|<[@#:/at]|<id:|\[[^\]]*\]\(|https?://|://evil|\.gg/evil"
    r"|\.com/invite|\|\||~~|__|`js|\n[#>])",
    re.IGNORECASE,
)


def marks(text: str, asker: str) -> list[str]:
    """What Discord would not show as plain text, but for what we write ourselves."""
    for ours in (*OURS, f"<@{asker}>"):
        text = re.sub(ours, "", text)
    return [found.group() for found in MEANING.finditer(text)]


def harmless(body: Json, asker: str) -> bool:
    """Whether a message pings nobody but the one who asked, and holds no mark of anybody else's."""
    if "title" in body:
        return True  # a form: its fields show text as it is
    mentions = body.get("allowed_mentions") or {"parse": ["unsaid"]}
    pinged = {str(user) for user in mentions.get("users", [])}
    quiet = not (mentions.get("parse") or mentions.get("roles") or mentions.get("replied_user"))
    return quiet and pinged <= {asker} and not marks(words(body), asker)


async def posted(running: Running, count: int, *, after: int) -> list[Json]:
    """The next so many videos, as they stand."""
    discord, found = running.sandbox.discord, list[Json]()
    while len(found) < count:
        event = await discord.wait(
            "MESSAGE_CREATE", lambda m: bool(m["attachments"]), after=after, timeout=40
        )
        after = event["n"]
        found.append(discord.render.message(discord.world.messages[event["data"]["id"]]))
    return found


@LOOP
async def test_a_prompt_is_only_text(running: Running, tally: Tally) -> None:
    discord, tom = running.sandbox.discord, running.person("tom")
    position, before = discord.position, len(discord.world.messages)
    prompts = [*SHOUTS, *MARKS]
    for text in prompts:
        await tom.video(text)
    for video in await posted(running, len(prompts), after=position):
        await tom.press(video, "Details")
    bodies = list(sent(running, after=0))
    assert len(bodies) >= 4 * len(prompts)
    faults: list[object] = [body for body in bodies if not harmless(body, tom.id)]
    messages = [discord.render.message(message) for message in discord.world.messages.values()]
    assert len(messages) > before + 2 * len(prompts)
    for message in messages:
        reported = {user["id"] for user in message["mentions"]} <= {tom.id}
        quiet = not message["mention_everyone"] and not message["mention_roles"]
        faults += [] if reported and quiet else [message]
    tally.harmless(prompts, faults)


@LOOP
async def test_a_reply_and_a_form_are_only_text(running: Running, tally: Tally) -> None:
    discord, tom = running.sandbox.discord, running.person("tom")
    await tom.video("a harmless beginning")
    video = await running.film("a harmless beginning")
    before = discord.exchanges[-1]["n"]
    for number, text in enumerate(SHOUTS[:6]):
        position = discord.position
        if number % 2:
            await tom.reply(video, text)
        else:
            await tom.fill(await tom.press(video, "Edit"), prompt=text)
        await posted(running, 1, after=position)
        # The last word about it, which must not come while the next test listens.
        await discord.wait("MESSAGE_UPDATE", lambda m: "Done" in words(m), after=position)
    bodies = list(sent(running, after=before))
    assert len(bodies) > 12
    tally.harmless(SHOUTS[:6], [body for body in bodies if not harmless(body, tom.id)])


@pytest.mark.parametrize("text", [SHOUTS[0], SHOUTS[4], MARKS[0], MARKS[11], MARKS[16], MARKS[-1]])
@LOOP
async def test_what_a_provider_says_is_never_shown_raw(
    running: Running, tally: Tally, text: str
) -> None:
    providers, tom = running.sandbox.providers, running.person("tom")
    before = running.sandbox.discord.exchanges[-1]["n"]
    for on, more in (
        ("task", {"kind": "fail", "code": "invalid_parameters"}),
        ("submit", {"kind": "status", "status": 400, "code": text}),
    ):
        for provider in (providers.evolink, providers.apimart):
            provider.add_fault(on=on, message=text, times=3, **more)
        prompt = f"fails by {on} {SHOUTS.index(text) if text in SHOUTS else MARKS.index(text)}"
        await tom.video(prompt.replace("_", " "))
        await running.status(prompt, "didn't count", seconds=30)
        for provider in (providers.evolink, providers.apimart):
            provider.faults.clear()
    bodies = list(sent(running, after=before))
    assert len(bodies) >= 4
    shown = [b for b in bodies if not harmless(b, tom.id) or "evil" in words(b)]
    tally.harmless([("task", text), ("submit", text)], shown)


@LOOP
async def test_a_files_name_goes_nowhere(running: Running, tally: Tally) -> None:
    """Not into a path of ours, not to a provider, and into a sentence only as text."""
    providers, tom = running.sandbox.providers, running.person("tom")
    discord, people = running.sandbox.discord, running.sandbox.discord.people
    before = discord.exchanges[-1]["n"]
    made = {"inputs", "videos", "copies", "partial", "scratch"}
    for number, name in enumerate(NAMES):
        upload = await people.upload("x.png", picture() if number % 2 else b"no picture")
        attachment = discord.world.attachments[upload["id"]]
        _, path, size = people.sharing._uploads[upload["id"]]
        # Discord itself tidies names; whoever stands in for it may not.
        people.sharing._uploads[upload["id"]] = (name, path, size)
        attachment.filename = name
        await tom.video(f"with a file {number}", image=upload["id"])
    media = running.folder / "media"
    kept = [p for p in media.rglob("*") if p.is_file() and p != media / "listening-until"]
    assert kept
    faults: list[object] = []
    for path in kept:
        inside = path.relative_to(media)
        plain_name = re.fullmatch(r"[0-9a-z]+(\.\d+\.[a-z]+)?\.(mp4|png|part)", path.name)
        faults += [] if inside.parts[0] in made and plain_name else [path]
    for provider in (providers.evolink, providers.apimart):
        sent_there = [json.dumps([call.path, call.sent]) for call in provider.calls]
        faults += [text for text in sent_there if ".." in text or "passwd" in text]
    faults += [body for body in sent(running, after=before) if not harmless(body, tom.id)]
    tally.harmless(NAMES, faults)


@given(st.text(max_size=120))
def test_a_name_shown_has_no_folder_and_no_control_sign(name: str) -> None:
    shown = safe_name(name)
    assert 0 < len(shown) <= 80
    assert not re.search(r"[/\\\x00-\x1f]", shown)
    assert shown not in {".", ".."}
    assert marks(plain(f"{name} {shown}"), "0") == []


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "inputs/../../x", "videos/../../../etc/passwd", "~/x\0"]
)
async def test_a_path_out_of_the_media_folder_is_refused(
    path: str, tmp_path: Path, tally: Tally
) -> None:
    async def nothing(url: str, target: Path, most: int) -> int:
        raise AssertionError

    store = DiskMediaStore(root=tmp_path / "media", engine=Engine(), fetch=nothing)
    with pytest.raises(ValueError):
        store.path_of(replace(video_file(), path=path))
    tally.refused(path, ok=True)
