"""The command line as an operator types it: what it says, its exit status, never a traceback."""

import asyncio
import os
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import main
from sandbox.clips import FixedClips
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import OTHER
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.providers import EVOLINK_KEY
from tests.e2e.films import film
from tests.e2e.running import FREE, Running, running_sandbox

ROOT = Path(__file__).resolve().parents[2]
KITE = "a red kite over the harbour"


@dataclass(frozen=True)
class Said:
    """What one command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    def problems(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith("PROBLEM")]


@dataclass
class CommandLine:
    """The command line, with one configuration."""

    running: Running

    async def run(
        self,
        *words: str,
        config: Path | None = None,
        seconds: float = 60,
        started_as: str = "./retake",
    ) -> Said:
        """``./retake WORDS --config …``."""
        file = config or self.running.config
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RETAKE__")}
        environment["RETAKE_COMMAND"] = started_as
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *words, "--config", str(file),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=environment, cwd=ROOT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        said = Said(process.returncode or 0, out.decode(), err.decode())
        assert "Traceback" not in said.all, said.all
        assert "internal error" not in said.all, said.all
        return said

    def configure(self, old: str, new: str) -> None:
        """Change the configuration file."""
        text = self.running.config.read_text()
        assert old in text
        self.running.config.write_text(text.replace(old, new))

    def add(self, text: str) -> None:
        self.running.config.write_text(self.running.config.read_text() + text)

    @property
    def database(self) -> Path:
        return self.running.folder / "retake.db"

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as opened:
            return opened.execute(query).fetchall()


@pytest.fixture
async def cli(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[CommandLine]:
    """Both stand-ins and a configuration that is right; no bot runs."""
    clips = FixedClips(film(tmp_path / "film.mp4"))
    async with running_sandbox(tmp_path, validator, clips=clips, seconds=0.4) as running:
        cli = CommandLine(running)
        cli.add(FREE)
        yield cli


# ---- help and typing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], ["run", "check", "migrate", "reconcile", "backup"]),
        (["run"], ["--role", "--config"]),
        (["check"], ["--config", "exit status is 1"]),
        (["migrate"], ["--config", "schema"]),
        (["backup"], ["FILE", "while the bot runs"]),
        (["reconcile"], ["attach", "release", "settle", "--days", "audit trail"]),
        (["reconcile", "attach"], ["GENERATION", "TASK_ID", "free of charge"]),
        (["reconcile", "release"], ["GENERATION", "return what is held"]),
        (["reconcile", "settle"], ["GENERATION", "member's limit"]),
    ],
)
def test_help_says_what_a_command_does(words: list[str], says: list[str]) -> None:
    printed = CliRunner().invoke(main, [*words, "--help"])
    assert printed.exit_code == 0
    assert [word for word in says if word not in " ".join(printed.output.split())] == []


@pytest.mark.parametrize("started_as", ["./retake", "/srv/retake/retake"])
async def test_help_shows_the_command_as_it_was_typed(cli: CommandLine, started_as: str) -> None:
    said = await cli.run("run", "--help", started_as=started_as)
    assert said.out.startswith(f"Usage: {started_as} run ")
    said = await cli.run("fly", started_as=started_as)
    assert f"Try '{started_as} --help' for help." in said.err
    assert "python -m" not in said.all


@pytest.mark.parametrize("words", [["fly"], ["run", "--role", "king"], ["reconcile", "attach"]])
def test_what_is_wrongly_typed_is_status_2(words: list[str]) -> None:
    printed = CliRunner().invoke(main, words)
    assert printed.exit_code == 2
    assert printed.output.startswith("Usage:")


# ---- check -------------------------------------------------------------------------------------


async def test_a_good_configuration_is_found_good(cli: CommandLine) -> None:
    said = await cli.run("check")
    assert said.status == 0, said.all
    assert said.err == ""
    first, *findings = said.out.splitlines()
    assert first.startswith("ok       Invite the bot with this link: https://discord.com/oauth2/")
    assert f"client_id={cli.running.sandbox.discord.application_id}" in first
    assert {finding.split()[0] for finding in findings} == {"ok"}, said.out
    for sentence in (
        "The configuration is complete.",
        "0 generations are in progress.",
        "The ledger adds up.",
        "Images and videos can be opened: PyAV ",
        "free for [media] dir.",
        "evolink accepts the key; 25.00 USD are left.",
        "apimart accepts the key",
        "apimart: 0.00 USD spent in the last 30 days.",
        "Discord accepts the token",
        "permissions it needs in 2 servers",
    ):
        assert sentence in said.out


async def test_the_configuration_alone_is_looked_at_without_opening_or_asking_anything(
    cli: CommandLine, tmp_path: Path
) -> None:
    """What Docker Compose asks before it starts the bot."""
    cli.configure('url = "sqlite', 'url = "sqlite+aiosqlite:////nowhere/retake.db" # "sqlite')
    said = await cli.run("check", "--config-only")
    assert (said.status, said.err) == (0, "")
    assert said.out.split() == ["ok", "The", "configuration", "is", "complete."]
    assert cli.running.sandbox.discord.exchanges == []
    cli.configure("api_key = ", "api_key = '' # ")
    said = await cli.run("check", "--config-only")
    assert said.status == 1
    assert ["No provider has a key" in problem for problem in said.problems()] == [True]
    assert said.err == f"The settings are in {cli.running.config}.\n"


async def test_keys_money_and_rights_that_are_missing_are_named(cli: CommandLine) -> None:
    discord, providers = cli.running.sandbox.discord, cli.running.sandbox.providers
    cli.configure(EVOLINK_KEY, "sk-of-somebody-else")
    providers.apimart.balance_usd = 0
    for role in discord.world.guilds[OTHER].roles.values():
        role.permissions &= ~(Permission.ATTACH_FILES | Permission.SEND_MESSAGES_IN_THREADS)
    said = await cli.run("check")
    assert said.status == 1
    problems = "\n".join(said.problems())
    assert "evolink doesn't accept the key in [providers.evolink] api_key." in problems
    assert "apimart is out of credit: top it up." in problems
    assert "“Other Server” the bot lacks: Attach Files, Send Messages in Threads." in problems
    assert len(said.problems()) == 3, said.out
    assert "sk-of-somebody-else" not in said.all


async def test_models_that_a_provider_does_not_list_are_noted(cli: CommandLine) -> None:
    apimart = cli.running.sandbox.providers.apimart
    apimart.settings.denied_models = ["gemini-omni-flash-preview"]
    apimart.add_fault(on="usage", kind="status", status=503, code="usage_unavailable")
    said = await cli.run("check")
    assert said.status == 0, said.all
    assert "note     apimart does not list gemini-omni-flash-preview:" in said.out
    assert "note     apimart did not report recent spending (provider_unavailable)." in said.out
    assert "evolink does not list" not in said.out


async def test_a_proxy_that_does_not_work_is_reported_once(cli: CommandLine) -> None:
    url = cli.running.sandbox.url
    cli.configure(f'api_url = "{url}/api/v10"', 'api_url = "https://discord.example/api/v10"')
    cli.add('\n[network]\nproxy = "socks5://mira:hunter2@127.0.0.1:9"\n')
    said = await cli.run("check")
    assert said.status == 1
    (printed,) = said.problems()
    assert "[network] proxy: the proxy cannot be reached." in printed
    assert "hunter2" not in said.all


async def test_a_port_that_apimart_does_not_call_is_noted(cli: CommandLine) -> None:
    cli.configure("[http]\n", '[http]\npublic_url = "https://video.example.org:8443"\n')
    said = await cli.run("check")
    assert said.status == 0, said.all
    assert "note     APIMart calls only ports 80 and 443" in said.out


async def test_a_token_that_is_not_accepted_is_reported_and_never_shown(cli: CommandLine) -> None:
    token = cli.running.sandbox.discord.token
    cli.configure(token, "MTIz.not-the.token")
    said = await cli.run("check")
    assert said.status == 1
    assert "Discord doesn't accept the token" in "\n".join(said.problems())
    run = await cli.run("run")
    assert run.status == 1
    assert "Discord doesn't accept the token" in run.err
    assert "not-the" not in said.all + run.all


async def test_a_discord_and_a_provider_that_are_away_are_reported(cli: CommandLine) -> None:
    url = cli.running.sandbox.url
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        cli.configure(f"{url}/api/v10", f"{nowhere}/api/v10")
        cli.configure(f'"{url}/apimart"', f'"{nowhere}/apimart"')
        said = await cli.run("check")
    problems = "\n".join(said.problems())
    assert said.status == 1
    assert "Discord didn't respond" in problems
    assert "apimart did not report its balance" in problems


async def test_models_callbacks_and_folders_that_cannot_be_used_are_reported(
    cli: CommandLine,
) -> None:
    (cli.running.folder / "plain").write_text("a file, not a folder")
    cli.configure(str(cli.running.folder / "media"), str(cli.running.folder / "plain/media"))
    cli.configure("[http]\n", '[http]\npublic_url = "https://192.168.1.4"\n')
    cli.add('\n[providers.evolink.models.omni-flash.text]\nmodel_id = ""\nlenght = 3\n')
    said = await cli.run("check")
    problems = "\n".join(said.problems())
    assert said.status == 1
    assert "No provider will call [http] public_url" in problems
    assert "plain can't be written to" in problems
    assert "lenght" in problems
    run = await cli.run("run")
    assert run.status == 1
    assert "lenght" in run.err


async def test_a_media_folder_that_cannot_be_made_keeps_the_bot_from_starting(
    cli: CommandLine,
) -> None:
    (cli.running.folder / "plain").write_text("a file, not a folder")
    cli.configure(str(cli.running.folder / "media"), str(cli.running.folder / "plain/media"))
    said = await cli.run("run")
    assert said.status == 1
    assert "plain/media can't be written to" in said.err


@contextmanager
def taken_port() -> Iterator[int]:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


async def test_with_callbacks_a_taken_port_keeps_the_bot_from_starting(
    cli: CommandLine,
) -> None:
    with taken_port() as port:
        cli.configure("port = 0", f'port = {port}\npublic_url = "https://video.example.org"')
        said, run = await cli.run("check"), await cli.run("run")
    assert (said.status, run.status) == (1, 1)
    for text in ("\n".join(said.problems()), run.err):
        assert f"can't listen on 127.0.0.1 port {port} (" in text
        assert "set another [http] port, or 0 for any free one." in text


async def test_without_callbacks_the_bot_runs_without_its_port(cli: CommandLine) -> None:
    with taken_port() as port:
        cli.configure("port = 0", f"port = {port}")
        said = await cli.run("check")
        assert said.status == 0, said.all
        sentence = f"The HTTP server can't listen on 127.0.0.1 port {port} ("
        assert f"note     {sentence}" in said.out
        await cli.running.start_bot()
        await cli.running.video(KITE)
        await cli.running.film(KITE)
        assert await cli.running.bot.stop() == 0
    assert sentence in cli.running.bot.log.read_text()
    assert "http=off" in cli.running.bot.log.read_text()


async def test_a_start_logs_one_line_when_the_bot_is_ready(cli: CommandLine) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", "--config", str(cli.running.config),
        stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            synced, ready = [(await process.stderr.readline()).decode() for _ in range(2)]
    finally:
        process.terminate()
    rest = (await process.stderr.read()).decode().splitlines()
    assert "commands_synced" in synced
    assert " ready " in ready
    assert "servers=2" in ready
    assert "commands=" in ready
    assert "http=127.0.0.1:" in ready
    assert "providers='evolink, apimart'" in ready
    assert [said for said in rest if " stopping " not in said] == []


COMMANDS = ("check", "run", "migrate", "backup", "reconcile")


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_file_that_is_no_database_is_left_as_it_is(cli: CommandLine, command: str) -> None:
    text = "Dear diary, today I was taken for a database. " * 200
    cli.database.write_text(text)
    words = [command, *([str(cli.running.folder / "copy.db")] if command == "backup" else [])]
    said = await cli.run(*words)
    assert said.status == 1
    assert "not a database" in said.all
    assert cli.database.read_text() == text


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_folder_that_cannot_be_written_to_is_named(cli: CommandLine, command: str) -> None:
    (cli.running.folder / "plain").write_text("a file, not a folder")
    cli.configure(str(cli.database), str(cli.running.folder / "plain/retake.db"))
    words = [command, *([str(cli.running.folder / "copy.db")] if command == "backup" else [])]
    said = await cli.run(*words)
    assert said.status == 1
    printed = "unable to open database file" if command == "backup" else "plain can't be written to"
    assert printed in said.all


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_key_that_nobody_knows_is_named(cli: CommandLine, command: str) -> None:
    cli.configure("[discord]\n", "[discord]\ntokenn = 1\n")
    words = [command, *([str(cli.running.folder / "copy.db")] if command == "backup" else [])]
    said = await cli.run(*words)
    assert said.status == 1
    assert 'did you mean "token"?' in said.err
    assert said.out == ""


async def test_a_configuration_that_is_not_there_or_empty_says_what_to_do(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await cli.run("run", config=tmp_path / "none.toml")
    assert said.status == 1
    assert "copy config.example.toml to it" in said.err
    (tmp_path / "empty.toml").write_text("")
    said = await cli.run("run", config=tmp_path / "empty.toml")
    assert said.status == 1
    assert "The Discord token is missing" in said.err
    assert "No provider has a key" in said.err
    assert said.err.endswith(f"\nThe settings are in {tmp_path / 'empty.toml'}.\n")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    nothing = CliRunner().invoke(main, ["run"])
    first, *_, last = nothing.output.splitlines()
    assert first.startswith("The Discord token is missing")
    assert last == (
        f"{folder}/config.toml does not exist: copy config.example.toml to it and fill it in."
    )


# ---- migrate -----------------------------------------------------------------------------------


async def test_migrate_reports_both_versions_and_leaves_a_running_bot_alone(
    cli: CommandLine,
) -> None:
    said = await cli.run("migrate")
    assert said.status == 0
    assert said.out.startswith("The database was upgraded from schema none to ")
    said = await cli.run("migrate")
    assert said.out.startswith("The database is up to date")
    await cli.running.start_bot()
    said = await cli.run("migrate")
    assert said.status == 1
    assert "Another bot is running on this database" in said.err
    said = await cli.run("check")
    assert said.status == 0, said.all
    assert "A bot is running on this database." in said.out


# ---- reconcile ---------------------------------------------------------------------------------


async def unconfirmed(cli: CommandLine, prompt: str) -> str:
    """Make a request whose paid POST was accepted while every answer is lost; its generation."""
    providers = cli.running.sandbox.providers
    if not providers.evolink.faults.public():
        # The first is left alone after a while; then the other is asked.
        for provider in (providers.evolink, providers.apimart):
            provider.add_fault(on="submit", kind="drop_after", times=1000)
        providers.evolink.add_fault(on="list", kind="status", status=500, times=1000)
    await cli.running.video(prompt)
    await cli.running.status(prompt, "Checking")
    (found,) = cli.rows("SELECT id FROM generations WHERE state = 'submit_unknown'")
    return str(found[0])


async def test_nothing_to_reconcile_is_said_so(cli: CommandLine) -> None:
    said = await cli.run("reconcile")
    assert (said.status, said.out) == (0, "Nothing needs attention (last 30 days).\n")


async def test_what_cannot_be_done_is_refused_with_a_sentence(cli: CommandLine) -> None:
    for words in (["release", "06never0made0by0any0"], ["attach", "06never0made0by0any0", "x"]):
        said = await cli.run("reconcile", *words)
        assert said.status == 1
        assert said.err == "There is no generation 06never0made0by0any0. Nothing was changed.\n"
    said = await cli.run("reconcile", "release", "no id\x1b[31m at all")
    assert said.status == 1
    assert said.err == "This is not an id: 'no id\\x1b[31m at all'.\n"


async def test_an_unconfirmed_one_is_listed_attached_and_delivered_while_running(
    cli: CommandLine,
) -> None:
    running = cli.running
    await running.start_bot()
    generation = await unconfirmed(cli, KITE)
    (task,) = running.paid()

    said = await cli.run("reconcile")
    assert said.status == 0
    assert f"{generation}  unconfirmed: the provider may or may not have accepted it" in said.out
    assert f"provider evolink, task unknown, key retake-{generation}-1" in said.out
    assert "held: 1 video" in said.out
    assert "1 generation needs attention." in said.out
    check = await cli.run("check")
    assert check.status == 0, check.all
    assert "note     1 generation is unconfirmed" in check.out

    said = await cli.run("reconcile", "attach", generation, "task-of-nobody")
    assert said.status == 1
    assert said.err == "evolink has no task task-of-nobody. Nothing was changed.\n"
    said = await cli.run("reconcile", "attach", generation, task)
    assert said.status == 0, said.all
    assert said.out.startswith(f"Generation {generation} continues with that task")
    await running.film(KITE)
    assert running.paid() == [task]
    assert cli.rows("SELECT action, subject, actor_id FROM audit") == [
        ("reconcile.attach", generation, 0)
    ]


async def test_settled_while_running_and_delivered_late_after_its_end(cli: CommandLine) -> None:
    running = cli.running
    await running.start_bot()
    settled = await unconfirmed(cli, KITE)
    said = await cli.run("reconcile", "settle", settled)
    assert said.status == 0, said.all
    await running.status(KITE, "so it counted against your limit")
    released = await unconfirmed(cli, "a paper boat")
    said = await cli.run("reconcile", "release", released)
    assert said.status == 0, said.all
    await running.status("a paper boat", "This didn't count against your limit")
    said = await cli.run("reconcile", "release", released)
    assert said.status == 1
    assert "only a generation in submit_unknown can be ended" in said.err
    assert await running.bot.stop() == 0

    # Without a bot the same commands work on the file itself; the next start does the rest.
    said = await cli.run("reconcile", "attach", released, running.paid()[-1])
    assert said.status == 0, said.all
    assert "free of charge" in said.out
    said = await cli.run("reconcile", "attach", released, running.paid()[-1])
    assert said.status == 1
    assert "was already taken over" in said.err
    await running.start_bot()
    video = await running.film("a paper boat", version=2)
    assert "so it didn't count against your limit" in video["content"]
    await running.status("a paper boat", "Done")
    assert len(running.paid()) == 2
    assert len(running.posted_videos()) == 1
    status, printed = await running.check()
    assert status == 0, printed
    kinds = cli.rows("SELECT action FROM audit ORDER BY id")
    assert kinds == [("reconcile.settle",), ("reconcile.release",), ("reconcile.attach",)]


async def test_an_unreachable_bot_differs_from_one_that_refuses(cli: CommandLine) -> None:
    await cli.running.start_bot()
    cli.database.with_name("retake.db.control").unlink()
    said = await cli.run("reconcile")
    assert said.status == 1
    assert "A bot is running on this database but can't be reached" in said.err


async def test_the_control_socket_is_for_this_user_alone_and_gone_with_the_bot(
    cli: CommandLine,
) -> None:
    await cli.running.start_bot()
    control_socket = cli.database.with_name("retake.db.control")
    assert control_socket.stat().st_mode & 0o777 == 0o600
    await cli.running.kill_bot()
    assert control_socket.exists()
    await cli.running.start_bot()
    assert (await cli.run("reconcile")).status == 0
    assert await cli.running.bot.stop() == 0
    assert not control_socket.exists()
