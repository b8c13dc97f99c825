"""`./retake` itself: prepares once, safely, from anywhere, and says what is missing.

Runs the real script in a bare project; uv is a stand-in that writes down what it was asked.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[2] / "retake"
SETS = ("run", "sandbox", "dev", "lint")

ECHO = """
import json, os, sys
started_as = os.environ["RETAKE_COMMAND"]
print(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "pid": os.getpid(), "as": started_as}))
"""

UV = """#!/bin/sh
echo "$*" >>"$UV_LOG"
case $1 in
    venv)
        for folder; do :; done
        exec "$RETAKE_PYTHON" -m venv --without-pip "$folder"
        ;;
    pip)
        [ ! -e "$UV_LOG.says" ] || { cat "$UV_LOG.says"; exit 1; }
        # Held up by a test: says so, then waits until told to go on.
        if [ -p "$UV_LOG.hold" ]; then
            echo holding >"$UV_LOG.holding"
            read -r verdict <"$UV_LOG.hold"
            [ "$verdict" = go ]
        fi
        ;;
esac
"""


@dataclass(kw_only=True)
class Project:
    """A project with nothing but the launcher, locks without packages, and a bot that echoes."""

    folder: Path
    bin: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])

    @property
    def asked(self) -> list[str]:
        """What uv was asked, by its first words."""
        log = self.folder.parent / "uv.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line.split()[0] for line in lines]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}:{os.defpath}",
            "RETAKE_PYTHON": sys.executable,
            "UV_LOG": str(self.folder.parent / "uv.log"),
            "HOME": str(self.folder.parent),
        }

    def start(
        self,
        *arguments: str,
        cwd: Path | None = None,
        launcher: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(launcher or self.folder / "retake"), *arguments],
            cwd=cwd or self.folder,
            env=self.environment() if env is None else dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)  # pyright: ignore[reportArgumentType]
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def hold(self) -> Path:
        """Make the next installation wait until something is written into the pipe returned."""
        pipe = self.folder.parent / "uv.log.hold"
        os.mkfifo(pipe)
        os.mkfifo(self.holding)
        return pipe

    @property
    def holding(self) -> Path:
        """A pipe that says when the installation waits."""
        return self.folder.parent / "uv.log.holding"

    def wait_until_held(self) -> None:
        """Return when the installation waits."""
        assert self.holding.read_text(encoding="utf-8") == "holding\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder, programs = tmp_path / "retake of mine", tmp_path / "bin"
    (folder / "requirements").mkdir(parents=True)
    (folder / "bot").mkdir()
    programs.mkdir()
    shutil.copy(LAUNCHER, folder)
    for name in SETS:
        (folder / "requirements" / f"{name}.txt").write_text(f"# {name}\n", encoding="utf-8")
    for name in ("bot", "sandbox", "pytest"):
        (folder / f"{name}.py").write_text(ECHO, encoding="utf-8")
    (folder / "bot").rmdir()
    (programs / "uv").write_text(UV, encoding="utf-8")
    (programs / "uv").chmod(0o755)
    made = Project(folder=folder, bin=programs)
    yield made
    for process in made.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def recorded(result: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_first_start_prepares_and_the_second_only_starts(project: Project) -> None:
    first = project.run("run", "--role", "all")
    assert recorded(first)["argv"] == ["run", "--role", "all"]
    assert "Preparing the environment" in first.stderr
    second = project.run("check")
    assert recorded(second)["argv"] == ["check"]
    assert second.stderr == ""
    assert project.asked == ["venv", "pip"]


def test_a_larger_set_serves_the_smaller_ones(project: Project) -> None:
    project.run("sandbox")
    project.run("test", "-k", "quota")
    for command in ("run", "sandbox", "test"):
        recorded(project.run(command))
    assert project.asked == ["venv", "pip", "pip"]


def test_a_changed_lock_is_installed_once_and_the_set_stays_large(project: Project) -> None:
    project.run("test")
    (project.folder / "requirements" / "dev.txt").write_text("# newer\n", encoding="utf-8")
    assert "Preparing" in project.run("run").stderr
    recorded(project.run("test"))
    assert project.asked == ["venv", "pip", "pip"]
    log = (project.folder.parent / "uv.log").read_text(encoding="utf-8")
    assert log.splitlines()[-1].endswith("dev.txt")


def test_the_version_that_a_report_names_is_the_bots(project: Project) -> None:
    assert recorded(project.run("--version"))["argv"] == ["--version"]


def test_arguments_reach_pytest_as_they_were_typed(project: Project) -> None:
    result = project.run("test", "tests/unit", "-k", "a or b", "")
    assert recorded(result)["argv"] == ["tests/unit", "-k", "a or b", ""]


def fast_checks(project: Project, *, failing: str = "") -> subprocess.CompletedProcess[str]:
    """Run the fast checks with programs that only print how they were called."""
    assert project.run("lint", "--prepare").returncode == 0
    for name in ("ruff", "lint-imports", "pyright"):
        program = project.folder / ".venv/bin" / name
        status = int(name == failing)
        program.write_text(f'#!/bin/sh\necho {name} "$@"\nexit {status}\n', encoding="utf-8")
        program.chmod(0o755)
    return project.run("quick", "-k", "quota")


def test_quick_checks_style_imports_types_and_fast_tests(project: Project) -> None:
    result = fast_checks(project)
    assert result.returncode == 0, result.stderr
    *programs, tests = result.stdout.splitlines()
    assert programs == [
        "ruff check",
        "ruff format --check",
        "lint-imports --no-logo",
        "pyright bot cogs",
    ]
    assert json.loads(tests)["argv"][-3:] == ["tests/unit", "-k", "quota"]
    assert "--ignore=tests/unit/services" in json.loads(tests)["argv"]


@pytest.mark.parametrize("failing", ["ruff", "lint-imports", "pyright"])
def test_quick_fails_if_one_part_fails_and_still_runs_the_others(
    project: Project, failing: str
) -> None:
    result = fast_checks(project, failing=failing)
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 5


def test_quick_fails_if_a_test_fails(project: Project) -> None:
    (project.folder / "pytest.py").write_text("raise SystemExit(1)", encoding="utf-8")
    assert fast_checks(project).returncode == 1


def test_starts_at_the_same_time_prepare_once(project: Project) -> None:
    pipe = project.hold()
    first = project.start("run")
    project.wait_until_held()
    others = [project.start("check") for _ in range(3)]
    for other in others:
        assert other.stderr is not None
        assert "waiting" in other.stderr.readline()
    pipe.write_text("go\n", encoding="utf-8")
    for process in (first, *others):
        assert process.wait(timeout=60) == 0
    assert project.asked == ["venv", "pip"]
    assert not (project.folder / ".venv.lock").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_preparation_cut_short_is_started_again(project: Project, how: signal.Signals) -> None:
    pipe = project.hold()
    cut = project.start("run")
    project.wait_until_held()
    os.killpg(cut.pid, how)
    assert cut.wait(timeout=10) != 0
    pipe.unlink()
    result = project.run("run")
    assert recorded(result)["argv"] == ["run"]
    assert project.asked == ["venv", "pip", "venv", "pip"]
    assert not [left for left in project.folder.glob(".venv.*") if left.name != ".venv.log"]


def test_a_failed_installation_says_so_and_is_tried_again(project: Project) -> None:
    pipe = project.hold()
    failing = project.start("run")
    project.wait_until_held()
    pipe.write_text("no\n", encoding="utf-8")
    _, err = failing.communicate(timeout=60)
    assert failing.returncode == 1
    assert "requirements/run.txt could not be installed" in err
    pipe.unlink()
    recorded(project.run("run"))


PIP = (
    "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError': [Errno -2]"
    " Name or service not known\nERROR: No matching distribution found for aiohttp==3.14.5\n"
)
UV_SAYS = "error: Failed to fetch\n  Caused by: error sending request\n  Caused by: dns error\n"


@pytest.mark.parametrize("said", [PIP, UV_SAYS], ids=["pip", "uv"])
def test_a_registry_out_of_reach_is_one_sentence(project: Project, said: str) -> None:
    says = project.folder.parent / "uv.log.says"
    says.write_text(said, encoding="utf-8")
    failed = project.run("run")
    assert failed.returncode == 1
    _, sentence = failed.stderr.splitlines()
    assert sentence.startswith("retake: the package registry can't be reached from here.")
    assert "HTTPS_PROXY" in sentence
    assert (project.folder / ".venv.log").read_text(encoding="utf-8") == said
    says.unlink()
    recorded(project.run("run"))
    assert project.asked == ["venv", "pip", "venv", "pip"]


def test_a_moved_project_prepares_again(project: Project) -> None:
    project.run("run")
    project.folder = project.folder.rename(project.folder.with_name("elsewhere"))
    assert "Preparing" in project.run("run").stderr
    assert project.asked == ["venv", "pip", "venv", "pip"]


def test_it_runs_from_anywhere_and_finds_the_files_named(project: Project, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project.folder / "retake")
    for arguments, meant in (
        (["run", "--config", "my.toml"], ["run", "--config", f"{tmp_path}/my.toml"]),
        (["run", "--config=my.toml"], ["run", f"--config={tmp_path}/my.toml"]),
        (["run", "--config", "/etc/r.toml"], ["run", "--config", "/etc/r.toml"]),
        (["backup", "copy.db"], ["backup", f"{tmp_path}/copy.db"]),
        (["backup", "--help"], ["backup", "--help"]),
    ):
        ran = recorded(project.run(*arguments, cwd=tmp_path, launcher=link))
        assert ran["argv"] == meant
        assert ran["cwd"] == str(project.folder)


def test_the_bot_takes_the_place_of_the_launcher(project: Project) -> None:
    """So that Ctrl-C and SIGTERM reach it, and nothing is left between."""
    process = project.start("run")
    out, _ = process.communicate(timeout=60)
    assert json.loads(out)["pid"] == process.pid


def test_without_uv_the_standard_library_does(project: Project) -> None:
    (project.bin / "uv").unlink()
    recorded(project.run("run"))
    assert (project.folder / ".venv" / "bin" / "pip").exists()


@pytest.fixture
def bare_machine(project: Project) -> Callable[..., dict[str, str]]:
    """An environment with a POSIX system's programs and the Python given, if any."""

    def make(python: str | None) -> dict[str, str]:
        (project.bin / "uv").unlink()
        for name in ("sh", "dirname", "readlink", "cat", "mkdir", "rm", "mv", "sed", "cksum"):
            (project.bin / name).symlink_to(shutil.which(name) or name)
        if python is not None:
            (project.bin / "python3").write_text(python, encoding="utf-8")
            (project.bin / "python3").chmod(0o755)
        return {"PATH": str(project.bin)}

    return make


@pytest.mark.parametrize("python", [None, "#!/bin/sh\nexit 1\n"], ids=["missing", "too old"])
def test_a_machine_without_python_learns_what_to_install(
    project: Project, bare_machine: Callable[..., dict[str, str]], python: str | None
) -> None:
    result = project.run("sandbox", env=bare_machine(python))
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "apt install" in result.stderr
    assert not (project.folder / ".venv.lock").exists()


def test_a_python_without_venv_learns_what_to_install(
    project: Project, bare_machine: Callable[..., dict[str, str]]
) -> None:
    lacking = "#!/bin/sh\ncase $2 in *venv*) exit 1 ;; esac\nexit 0\n"
    result = project.run("sandbox", env=bare_machine(lacking))
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


def test_without_a_command_it_explains_itself(project: Project) -> None:
    result = project.run()
    assert result.returncode == 2
    assert result.stdout.startswith(f"Usage: {project.folder}/retake COMMAND")
    assert project.asked == []


def test_the_bot_learns_how_it_was_started(project: Project) -> None:
    result = project.run("run", "--help")
    assert json.loads(result.stdout)["as"] == f"{project.folder}/retake"
