"""Keys and tokens turn up nowhere: not after a success, nor after any failure, at any level of log.

The real bot runs with secrets that can be recognised, through all that can go well or wrong; then
everything it wrote, sent and showed is searched for them. What a provider says may hold our own
key: the stand-ins put it into their refusals, as some services really do.
"""

import asyncio
import json
import logging
import os
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import structlog
from aiohttp import web
from click.testing import CliRunner

from bot.cli import main
from bot.settings import load
from sandbox.discord.behaviour.interactions import Kind
from sandbox.discord.state.seed import VIDEOS
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.process import ROOT
from sandbox.providers import APIMART_KEY, EVOLINK_KEY, Provider
from tests.e2e.films import picture
from tests.e2e.running import FREE, Running, running_sandbox
from tests.messages_view import Json, words
from tests.security import canary

ECHO = "Incorrect API key provided: {key}. Bearer {key} is not valid."


def echo(provider: Provider) -> str:
    """A refusal that holds the very key it was asked with."""
    return ECHO.format(key=provider.settings.api_key)


@dataclass
class Run:
    """A running bot whose every word is kept."""

    running: Running
    port: int
    said: dict[str, str] = field(default_factory=dict[str, str])
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    authorizations: set[tuple[str, str | None]] = field(default_factory=set[tuple[str, str | None]])
    shown: list[canary.Process] = field(default_factory=list[canary.Process])
    made: int = 0

    def listen(self) -> None:
        """Keep the head of every request that reaches a stand-in."""
        providers, discord = self.running.sandbox.providers, self.running.sandbox.discord
        for provider in (providers.evolink, providers.apimart):
            provider.record = self._kept(provider.record, provider.name)
        discord.rest._record = self._kept(discord.rest._record, "discord")

    def _kept(self, record: Any, name: str) -> Any:
        def keep(request: web.BaseRequest, *rest: Any, **more: Any) -> Any:
            self.seen.append(canary.described(request))
            self.authorizations.add((name, request.headers.get("Authorization")))
            return record(request, *rest, **more)

        return keep

    def look(self) -> None:
        """The process list at this moment."""
        self.shown += canary.descendants(self.running.bot.pid)

    async def end_of(self, prompt: str, **options: Any) -> Json:
        """Make a request, and wait until its status message shows an end."""
        await self.running.person("tom").video(prompt, **options)
        self.look()
        return await self.running.status(prompt, "didn't count", seconds=30)

    async def command(self, *arguments: str, **environment: str) -> str:
        """A command line of its own, with all that it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=os.environ | environment, cwd=ROOT,
        )  # fmt: skip
        self.shown += canary.descendants(process.pid)
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        self.said[f"{len(self.said)} {' '.join(arguments[:1])}"] = out.decode()
        return out.decode()

    async def side_door(self) -> None:
        async with aiohttp.ClientSession() as session:
            for path in ("/healthz", "/readyz", "/metrics", "/", "/callbacks/evolink/x/y"):
                async with session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                    self.said[f"web server {path} {len(self.said)}"] = await answer.text()


@pytest.fixture
async def run(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[Run]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "run"
    folder.mkdir()
    async with running_sandbox(folder, validator, seconds=0.4, insecure_callbacks=True) as running:
        sandbox = running.sandbox
        sandbox.discord.token = canary.TOKEN
        sandbox.providers.evolink.settings.api_key = canary.EVOLINK
        sandbox.providers.apimart.settings.api_key = canary.APIMART
        config = sandbox.bot_config(folder, port=port)
        config = config.replace(EVOLINK_KEY, canary.EVOLINK).replace(APIMART_KEY, canary.APIMART)
        config += f'public_url = "http://127.0.0.1:{port}"\n' + FREE
        run = Run(running, port)
        run.listen()
        running.config.write_text(config)
        yield run


async def all_that_can_happen(run: Run) -> None:
    """Once through success and every kind of failure."""
    running = run.running
    providers, discord = running.sandbox.providers, running.sandbox.discord
    tom = running.person("tom")
    run.made += 1
    image = await tom.upload("me.png", picture())
    await tom.video(f"it works {run.made}", image=image)
    run.look()
    video = await running.film(f"it works {run.made}")
    run.look()
    for label in ("Details", "Edit", "Again"):
        await tom.press(video, label)
    await tom.reply(video, f"and again {run.made}")
    await running.film(f"and again {run.made}", version=2)

    def both(**fault: Any) -> None:
        for provider in (providers.evolink, providers.apimart):
            provider.add_fault(times=20, message=echo(provider), **fault)

    async def without_faults(prompt: str) -> None:
        await run.end_of(f"{prompt} {run.made}")
        for provider in (providers.evolink, providers.apimart):
            provider.faults.clear()

    both(on="task", kind="fail")
    await without_faults("a task fails")
    both(on="task", kind="moderation")
    await without_faults("a task is refused")
    both(on="submit", kind="status", status=400, code="bad")
    await without_faults("a request is refused")
    for provider in (providers.evolink, providers.apimart):
        provider.add_fault(on="query", kind="status", status=500, message=echo(provider), times=1)
        provider.add_fault(on="submit", kind="html", status=502, times=1)
        provider.add_fault(on="download", kind="truncate", times=1)
    discord.faults.order(
        {"method": "POST", "route": "/channels/{channel_id}/messages", "status": 500, "times": 1}
    )
    await tom.video(f"it works in the end {run.made}")
    await running.film(f"it works in the end {run.made}", seconds=40)
    for provider in (providers.evolink, providers.apimart):
        provider.faults.clear()
    await broken_event(run)
    await run.side_door()


async def broken_event(run: Run) -> None:
    """An event that no client can make sense of: the traceback lands in the log."""
    discord = run.running.sandbox.discord
    opened = await run.running.person("tom").command("jobs")
    upload = {"type": 19, "id": 2, "custom_id": "images", "values": ["1"]}
    data = {
        "custom_id": "rt:fedit:" + "0" * 20,
        "components": [{"type": 18, "id": 1, "component": upload}],
        "resolved": {"attachments": {"1": {"id": "1", "filename": canary.NAMES[canary.TOKEN]}}},
    }
    begun = discord.interactions.begin(
        Kind.MODAL,
        run.running.user("tom"),
        discord.world.channels[VIDEOS],
        data,
        behind=discord.interactions.get(opened["id"]),
    )
    described = await discord.people.interaction(begun.id, wait=10)
    assert "Something went wrong on my side" in words(described["responses"][0])


async def the_worst_refusals(run: Run) -> None:
    """No money, wrong keys: the last, because providers are then left alone for a while."""
    providers = run.running.sandbox.providers
    for status, code in ((402, "insufficient_quota"), (401, "invalid_api_key")):
        for provider in (providers.evolink, providers.apimart):
            provider.faults.clear()
            for on in ("submit", "query", "batch", "upload", "list"):
                provider.add_fault(
                    on=on, kind="status", status=status, code=code, message=echo(provider), times=50
                )
        await run.running.person("tom").video(f"no way {status} {run.made}")
    await run.running.status(f"no way 402 {run.made}", "didn't count", seconds=30)
    run.look()
    await run.side_door()


async def all_commands(run: Run, folder: Path) -> None:
    """The other commands on the same configuration, and once with keys that are wrong."""
    config = str(run.running.config)
    assert "accepts the key" in await run.command("check", "--config", config)
    await run.command("backup", str(folder / "copy.db"), "--config", config)
    await run.command("reconcile", "list", "--config", config)
    wrong = {
        "RETAKE__DISCORD__TOKEN": canary.TOKEN + "x",
        "RETAKE__PROVIDERS__EVOLINK__API_KEY": canary.EVOLINK + "x",
    }
    rejected = await run.command("check", "--config", config, **wrong)
    assert "doesn't accept the key" in rejected


def everything(run: Run, folder: Path) -> dict[str, bytes]:
    """All that the run left behind or showed to somebody, by where it was found."""
    running = run.running
    discord, providers = running.sandbox.discord, running.sandbox.providers
    left = dict(canary.files(folder, besides=running.config))
    left |= {f"output of {name}": text.encode() for name, text in run.said.items()}
    left |= {f"request {n}": json.dumps(r).encode() for n, r in enumerate(run.seen)}
    left |= {
        f"exchange {e['n']}": json.dumps(
            [e["path"], e["request"], e.get("files"), e["response"]]
        ).encode()
        for e in discord.exchanges
    }
    left |= {
        f"message {m.id}": json.dumps(discord.render.message(m)).encode()
        for m in discord.world.messages.values()
    }
    left |= {
        f"event {e['n']}": json.dumps(e["data"], default=str).encode()
        for kept in discord.log._events.values()
        for e in kept
    }
    for provider in (providers.evolink, providers.apimart):
        left |= {
            f"{provider.name} call {c.n}": json.dumps(
                [c.method, c.path, c.sent, c.idempotency_key], default=str
            ).encode()
            for c in provider.calls
        }
    left |= {f"process {n}": p.command for n, p in enumerate(run.shown)}
    return left


def interaction_tokens(run: Run) -> list[str]:
    """They open an answer for fifteen minutes to anyone who knows them."""
    events = run.running.sandbox.discord.log.newest("INTERACTION_CREATE")
    return [event["data"]["token"] for event in events]


@pytest.mark.timeout(300)
async def test_no_secret_is_left_anywhere(run: Run, tmp_path: Path) -> None:
    running = run.running
    logs: dict[str, str] = {}
    for format_ in ("console", "json"):
        with running.config.open("a") as config:
            if format_ == "console":
                config.write('\n[log]\nlevel = "debug"\nformat = "console"\n')
        if format_ == "json":
            text = running.config.read_text()
            running.config.write_text(text.replace('"console"', '"json"'))
        await running.start_bot()
        run.look()
        await all_that_can_happen(run)
        if format_ == "json":
            await the_worst_refusals(run)
            await all_commands(run, tmp_path)
        assert await running.bot.stop() == 0
        # Their tracebacks are wanted here; elsewhere a test fails over them.
        kept = tmp_path / f"{format_}.log"
        running.bot.log.rename(kept)
        logs[format_] = kept.read_text()

    assert canary.found_in(running.config.read_bytes())
    for text in logs.values():
        for event in ("unexpected", "Traceback", "provider_rejected"):
            assert event in text, f"{event} was not provoked"
    left = everything(run, tmp_path)
    assert any(name.endswith("retake.db") for name in left)
    leaks = {name: found for name, data in left.items() if (found := canary.found_in(data))}
    assert leaks == {}
    tokens = interaction_tokens(run)
    assert tokens
    assert [name for name, text in logs.items() if any(token in text for token in tokens)] == []

    allowed = {
        ("discord", None),
        ("discord", f"Bot {canary.TOKEN}"),
        ("discord", f"Bot {canary.TOKEN}x"),
        ("evolink", f"Bearer {canary.EVOLINK}"),
        ("evolink", f"Bearer {canary.EVOLINK}x"),
        ("evolink", None),
        ("apimart", f"Bearer {canary.APIMART}"),
        ("apimart", None),
    }
    assert run.authorizations <= allowed


HIDDEN = quote(canary.PASSWORD, safe="")
DATABASES = [
    "postgresql+asyncpg://retake:{hidden}@127.0.0.1:1/retake",
    "postgresql+asyncpg://127.0.0.1:1/retake?user=retake&password={hidden}",
    "postgresql+asyncpg://retake:{hidden}@127.0.0.1:1/retake?nonsense=1",
    "postgresql+asyncpg://retake:{hidden}@127.0.0.1:nonsense/retake",
    "postgresql+asyncpg://retake:{hidden}@/retake?host=/nowhere",
    "postgres://retake:{hidden}@127.0.0.1:1/retake",
    "mysql://retake:{hidden}@127.0.0.1:1/retake",
]
MISTAKES = [
    f'[discord]\ntokn = "{canary.TOKEN}"',
    f'[discord]\ntoken = ["{canary.TOKEN}"]',
    f'[discord]\ntoken = "{canary.TOKEN}',
    f'[discord]\ntoken = {{ a = "{canary.TOKEN}" }}',
    f'discord = "{canary.TOKEN}"',
    f'[providers.evolink]\napi_key = ["{canary.EVOLINK}"]',
    f'[providers.evolink]\napi_url = "https://me:{HIDDEN}@api.evolink.ai"',
    f'[providers.evolink]\napi_url = "https://api.evolink.ai/?key={canary.EVOLINK}"',
    f'[http]\npublic_url = "ftp://me:{HIDDEN}@example.org"',
]


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def printed(arguments: list[str], **environment: str) -> str:
    """What a command that cannot work tells its operator."""
    result = CliRunner().invoke(main, arguments, env=environment)
    assert result.exit_code != 0, result.output
    assert result.output
    return result.output + "".join(traceback.format_exception(result.exception))


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("url", DATABASES)
def test_the_databases_password_is_not_shown(url: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f'[discord]\ntoken = "{canary.TOKEN}"\n[database]\nurl = "{url.format(hidden=HIDDEN)}"\n'
        f'[providers.evolink]\napi_key = "{canary.EVOLINK}"\napi_url = "http://127.0.0.1:1"\n'
        f'[media]\ndir = "{tmp_path}/media"\n[log]\nlevel = "debug"\n[http]\nport = 0\n'
    )
    for command in (["run"], ["migrate"], ["backup", str(tmp_path / "copy")]):
        said = printed([*command, "--config", str(config)])
        assert canary.found_in(said) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_configuration_is_reported_without_the_secret(
    mistake: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(mistake + "\n")
    said = printed(["check", "--config", str(config)])
    assert canary.found_in(said) == []
    said = printed(["check"], RETAKE__HTTP__PUBLIC_URL=f"ftp://me:{HIDDEN}@example.org")
    assert canary.found_in(said) == []


@pytest.mark.parametrize("url", DATABASES[:3])
def test_every_spelling_of_the_databases_password_is_known(url: str) -> None:
    """What is known to be secret is blacked out, whoever tells it."""
    settings = load(None, {"RETAKE__DATABASE__URL": url.format(hidden=HIDDEN)})
    assert settings.secret_values() >= {canary.PASSWORD}


async def test_the_search_finds_what_it_looks_for() -> None:
    for secret, name in canary.NAMES.items():
        for text in (
            secret,
            quote(secret, safe=""),
            json.dumps({"a": [secret]}),
            f"before{secret}after",
            repr([secret]),
        ):
            assert name in canary.found_in(text)
    assert canary.found_in(b"nothing here") == []
