"""`docs/howto/first-live-run.md` on the stand-ins: its steps work as written, at its price."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import picture
from tests.e2e.running import Running, running_sandbox
from tests.messages_view import Json, answered_text

PAGE = Path(__file__).resolve().parents[2] / "docs/howto/first-live-run.md"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One row of the page's table."""

    do: str
    see: str
    usd: float

    @property
    def typed(self) -> list[str]:
        """What the row shows as code."""
        return re.findall(r"`([^`]+)`", self.do)

    @property
    def options(self) -> dict[str, str]:
        """The options of a command: `name: value`."""
        return dict(text.split(": ", 1) for text in self.typed if ": " in text)


def steps() -> list[Step]:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (.+) \| (.+) \| ([\d.]+) \|$", page, flags=re.MULTILINE)
    return [Step(do=do, see=see, usd=float(usd)) for do, see, usd in rows]


@pytest.fixture
async def running(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[Running]:
    async with running_sandbox(tmp_path, validator) as running:
        yield running


def balance(check: str) -> float:
    found = re.search(r"evolink accepts the key; ([\d.]+) USD are left", check)
    assert found is not None, check
    return float(found[1])


def amount(label: str, answer: Json) -> float:
    """The US dollars behind a label in an answer that only this person sees."""
    found = re.search(re.escape(label) + r" \$([\d.]+)", answered_text(answer))
    assert found is not None, answered_text(answer)
    return float(found[1])


def price(details: Json) -> float:
    return amount("**Price**", details)


async def test_the_ten_steps_work_as_written(running: Running) -> None:
    tom = running.person("tom")
    check, start, quota, make, details, reply, kill, delete, history, last = steps()

    assert check.typed == last.typed[:1] == ["./retake check"]
    status, said = await running.check()
    assert status == 0, said
    assert "PROBLEM" not in said
    before = balance(said)

    assert start.typed[0] == "./retake run"
    await running.start_bot()

    assert quota.typed == ["/quota"]
    assert "10 left" in answered_text(await tom.command("quota"))

    assert make.typed[0] == "/video"
    receipt = await tom.command("video", **make.options)
    assert amount("Estimated price:", receipt) == pytest.approx(make.usd, abs=0.001)
    assert f"for {make.options['duration']} seconds" in answered_text(receipt)
    first = await running.film(make.options["prompt"])
    assert "<@" in first["content"]

    assert "*Details*" in details.do
    prices = [price(await tom.press(first, "Details"))]
    assert prices[0] == pytest.approx(make.usd, rel=0.1)

    (instruction,) = reply.typed
    await tom.reply(first, instruction)
    second = await running.film(instruction, version=2)
    prices.append(price(await tom.press(second, "Details")))

    position = running.sandbox.discord.position
    running.sandbox.providers.evolink.settings.seconds = 4
    image = await tom.upload("mine.png", picture())
    await tom.command("video", image=image, **kill.options)
    (progress,) = re.findall("“(.+)”", kill.do)
    await running.status(kill.options["prompt"], progress)
    await running.kill_bot()
    await running.start_bot()
    third = (await running.next_video(after=position))["data"]
    prices.append(price(await tom.press(third, "Details")))

    assert "*Delete*" in delete.do
    asked = await tom.press(second, "Delete")
    await tom.press(asked["responses"][0], "Delete for good")
    assert second["id"] not in running.sandbox.discord.world.messages

    assert history.typed == ["/history"]
    listed = answered_text(await tom.command("history"))
    assert (listed.count("· done"), listed.count("· deleted")) == (2, 1), listed

    status, said = await running.check()
    assert status == 0, said
    assert before - balance(said) == pytest.approx(sum(prices), abs=0.02)
    assert len(running.paid()) == 3
    promised = [step.usd for step in (make, reply, kill)]
    assert all(paid <= most * 1.05 for paid, most in zip(prices, promised, strict=True)), prices
