"""When a provider says no, nothing or nonsense, or Discord's connection breaks: the real bot."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.running import AT_ONCE, Running, running_bot
from tests.messages_view import Json, answered_text, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_COUNTED = "This didn't count against your limit."
TEXT_MODEL = "gemini-omni-1.1-flash-text-to-video"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("providers")
    config = "\n[limits]\nvideos = 100\nconcurrent = 0\n" + AT_ONCE
    async with running_bot(folder, validator, config=config) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_fault_is_left_over(running: Running) -> Iterator[None]:
    yield
    running.sandbox.providers.evolink.faults.clear()
    running.sandbox.providers.apimart.faults.clear()
    running.sandbox.discord.faults.clear()


async def ended(running: Running, prompt: str) -> str:
    """The words of a status message once its video has failed."""
    await running.person("tom").video(prompt)
    return words(await running.status(prompt, "🔴"))


def plain(name: str) -> str:
    """A name without what would be a mark of Markdown."""
    return name.replace("_", " ")


async def used(running: Running) -> str:
    """The line of tom's quota that counts videos."""
    return answered_text(await running.person("tom").command("quota")).splitlines()[1]


def takers(running: Running, prompt: str) -> list[str]:
    """The providers that accepted a task of that prompt."""
    providers = (running.sandbox.providers.evolink, running.sandbox.providers.apimart)
    return [
        provider.name
        for provider in providers
        for task in provider.tasks.values()
        if task.submission.prompt.startswith(prompt)
    ]


async def test_a_model_out_of_reach_is_made_elsewhere(running: Running) -> None:
    evolink = running.sandbox.providers.evolink
    evolink.settings.denied_models = [TEXT_MODEL]
    await running.person("tom").video("behind a closed door", duration="5")
    video = await running.film("behind a closed door")
    evolink.settings.denied_models = []
    assert takers(running, "behind a closed door") == ["apimart"]
    # The other provider has no such option: the length is asked for in the prompt (see the card).
    assert " · 5 s" not in video["content"]
    status = await running.status("behind a closed door", "length 5 s → requested in the prompt")
    assert status
    dm = running.sandbox.discord.world.dm(running.user("mira"))
    assert dm is not None
    alert = await running.says(dm.id, "**Retake needs your attention.**")
    assert words(alert) == (
        "**Retake needs your attention.** The account has no access to a model that a member"
        " requested. Ask the provider for access, or remove the model from the catalogue."
        " Other providers take over where they can.\nProvider: EvoLink."
    )


async def test_a_busy_provider_is_passed_by(running: Running) -> None:
    running.sandbox.providers.evolink.add_fault(
        on="submit", kind="status", status=429, retry_after=0.2
    )
    await running.person("tom").video("too many at once")
    await running.film("too many at once")
    assert takers(running, "too many at once") == ["apimart"]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            "moderation",
            "The video service rejected this under its content rules. It didn't say which rule.",
        ),
        ("fail", "The video service couldn't make this video. Trying again often helps."),
    ],
)
async def test_what_goes_wrong_later_is_reported_and_not_counted(
    running: Running, kind: str, sentence: str
) -> None:
    before = await used(running)
    running.sandbox.providers.evolink.add_fault(on="task", kind=kind)
    text = await ended(running, f"ends with {plain(kind)}")
    assert f"🔴 **Failed.** {sentence} {NOT_COUNTED}" in text
    assert await used(running) == before
    assert takers(running, f"ends with {plain(kind)}") == ["evolink"]


@pytest.mark.parametrize("kind", ["dead_url", "unknown_status", "lying_progress"])
async def test_odd_tasks_come_through(running: Running, kind: str) -> None:
    running.sandbox.providers.evolink.add_fault(on="task", kind=kind)
    await running.person("tom").video(f"in spite of {plain(kind)}")
    await running.film(f"in spite of {plain(kind)}")
    assert takers(running, f"in spite of {plain(kind)}") == ["evolink"]


@pytest.mark.parametrize(
    ("on", "kind", "fields"),
    [
        ("query", "html", {"status": 502, "times": 2}),
        ("query", "malformed", {}),
        ("query", "drop_after", {}),
        ("download", "truncate", {}),
        ("download", "wrong_length", {}),
        ("download", "drop_before", {}),
        ("submit", "drop_after", {}),
        ("submit", "html", {"status": 504, "effect": True}),
        ("submit", "drop_before", {}),
    ],
)
async def test_a_broken_connection_costs_nothing_twice(
    running: Running, on: str, kind: str, fields: Json
) -> None:
    prompt = f"over a line with {plain(kind)} on {on}"
    running.sandbox.providers.evolink.add_fault(on=on, kind=kind, **fields)
    await running.person("tom").video(prompt)
    video = await running.film(prompt)
    assert takers(running, prompt) == ["evolink"]
    assert [v["id"] for v in running.posted_videos() if prompt in v["content"]] == [video["id"]]


@pytest.mark.parametrize("how", ["reconnect", "resumable", "anew", "drop"])
async def test_discords_connection_breaks_while_a_video_is_made(running: Running, how: str) -> None:
    prompt = f"made while the line was cut by {how}"
    provider = running.sandbox.discord.gateway
    position = running.sandbox.discord.position
    await running.person("tom").video(prompt)
    match how:
        case "reconnect":
            provider.ask_to_reconnect()
        case "resumable":
            provider.invalidate(resumable=True)
        case "anew":
            provider.invalidate(resumable=False)
        case _:
            provider.drop(resumable=True)
    await running.sandbox.discord.wait("BOT", {"online": False}, after=position, timeout=20)
    # A fresh session may take a while: the library waits five seconds before it identifies.
    await running.sandbox.discord.wait("BOT", {"online": True}, after=position, timeout=20)
    video = await running.film(prompt)
    await running.person("tom").reply(video, f"and on after {how}")
    await running.film(f"and on after {how}", version=2)


async def test_discords_own_trouble_delays_and_never_doubles(running: Running) -> None:
    faults = running.sandbox.discord.faults
    where = {"method": "POST", "route": "/channels/{channel_id}/messages"}
    await running.person("tom").video("through bad weather")
    await running.status("through bad weather", "requested by")
    faults.order({**where, "status": 429, "headers": {"Retry-After": "1"}})
    faults.order({**where, "drop": "after"})
    faults.order({**where, "status": 503})
    video = await running.film("through bad weather")
    await running.status("through bad weather", "🟢 **Done**")
    again = [v["id"] for v in running.posted_videos() if "through bad weather" in v["content"]]
    assert again == [video["id"]]


async def test_without_money_anywhere_it_is_said_and_not_counted(running: Running) -> None:
    before = await used(running)
    evolink, apimart = running.sandbox.providers.evolink, running.sandbox.providers.apimart
    rich = evolink.balance_usd, apimart.balance_usd
    evolink.balance_usd = apimart.balance_usd = 0
    text = await ended(running, "on an empty purse")
    poor = (
        "This bot's account at the video service is out of credit."
        " The bot's owner has been notified."
    )
    assert f"{poor} {NOT_COUNTED}" in text
    # From now on it is known beforehand.
    refused = answered_text(await running.person("tom").video("on an emptier purse"))
    assert refused == poor
    assert await used(running) == before
    assert takers(running, "on an empty purse") == []
    evolink.balance_usd, apimart.balance_usd = rich


async def test_a_provider_that_is_not_there_is_passed_by(running: Running) -> None:
    await running.bot.stop()
    text = running.config.read_text()
    url = f"{running.sandbox.url}/evolink"
    nowhere = "http://127.0.0.1:9/evolink"
    running.config.write_text(text.replace(f'"{url}"', f'"{nowhere}"'))
    await running.start_bot()
    await running.person("tom").video("nobody at home")
    await running.film("nobody at home")
    assert takers(running, "nobody at home") == ["apimart"]
    await running.bot.stop()
    running.config.write_text(text)
    await running.start_bot()
    await running.person("tom").video("somebody at home")
    await running.film("somebody at home")
    assert takers(running, "somebody at home") == ["evolink"]
