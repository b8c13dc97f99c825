"""What the bot runs with: licences are listed, advisories asked for, the image is confined."""

import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = "aiohttp==3.14.5 \\\n    --hash=sha256:00\nsqlalchemy==2.1.9 \\\n    --hash=sha256:00\n"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_pin_has_its_licence_listed_and_no_other() -> None:
    licenses = script("licenses")
    page = (ROOT / "docs/reference/licenses.md").read_text("utf-8")
    listed = re.findall(r"^\| ([\w.-]+) \| (\S+) \| (.+) \|$", page, flags=re.MULTILINE)
    lock = (ROOT / "requirements/run.txt").read_text("utf-8")
    assert [(n, v) for n, v, _ in listed if n != "package"] == licenses.pins(lock)
    assert len(licenses.pins(lock)) == lock.count("==") - lock.count("== '")


def test_the_list_is_what_its_command_prints() -> None:
    done = subprocess.run(
        [sys.executable, ".ci/licenses.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    page = (ROOT / "docs/reference/licenses.md").read_text("utf-8")
    assert done.stdout == page, "make it again: .venv/bin/python .ci/licenses.py"


def test_a_package_without_a_licence_is_an_error() -> None:
    with pytest.raises(LookupError):
        script("licenses").licence("a-package-that-is-not-there")


def test_only_licences_that_an_mit_project_can_live_with() -> None:
    known = {"MIT", "MIT-CMU", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "PSF-2.0", "MPL-2.0"}
    page = (ROOT / "docs/reference/licenses.md").read_text("utf-8")
    rows = re.findall(r"^\| [\w.-]+ \| [\d.]+ \| (.+) \|$", page, flags=re.MULTILINE)
    assert rows
    reported = {word for row in rows for word in re.split(r" AND | OR |[()]", row) if word.strip()}
    assert {word.replace("Apache 2.0", "Apache-2.0") for word in reported} <= known


@contextmanager
def registry(answer: bytes, status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """A registry of advisories with one answer; what it was asked."""
    asked: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(tmp_path: Path, service: str) -> subprocess.CompletedProcess[str]:
    lock = tmp_path / "run.txt"
    lock.write_text(LOCK)
    return subprocess.run(
        [sys.executable, ".ci/audit.py", str(lock), "--service", service],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_an_advisory_fails_the_audit(tmp_path: Path) -> None:
    answer = {"results": [{}, {"vulns": [{"id": "GHSA-2"}, {"id": "GHSA-1"}]}]}
    with registry(json.dumps(answer).encode()) as (service, asked):
        done = audit(tmp_path, service)
    assert done.returncode == 1
    assert "sqlalchemy 2.1.9: GHSA-1, GHSA-2" in done.stdout
    queries = json.loads(asked[0])["queries"]
    assert [(q["package"]["name"], q["version"]) for q in queries] == [
        ("aiohttp", "3.14.5"),
        ("sqlalchemy", "2.1.9"),
    ]


def test_without_advisories_it_passes(tmp_path: Path) -> None:
    with registry(b'{"results": [{}, {}]}') as (service, _):
        done = audit(tmp_path, service)
    assert (done.returncode, done.stdout) == (0, "2 packages looked up, 0 with advisories.\n")


@pytest.mark.parametrize(
    ("answer", "status"), [(b"", 503), (b"<html>", 200), (b"{}", 200), (b'{"results": []}', 200)]
)
def test_a_registry_that_does_not_answer_is_reported_and_fails_nothing(
    tmp_path: Path, answer: bytes, status: int
) -> None:
    with registry(answer, status) as (service, _):
        done = audit(tmp_path, service)
    assert done.returncode == 0
    assert done.stdout.startswith("NOT AUDITED")


def test_an_absent_service_is_reported_as_well(tmp_path: Path) -> None:
    done = audit(tmp_path, "http://127.0.0.1:1/")
    assert done.returncode == 0
    assert done.stdout.startswith("NOT AUDITED")


def test_the_container_is_confined() -> None:
    """Not root, nothing to gain, a root file system that cannot be written to."""
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert users
    assert all(user.split(":")[0] not in {"root", "0"} for user in users[-1:])
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    for line in (
        "read_only: true",
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
        "target: /app/config.toml",
    ):
        assert re.search(rf"^\s+(?:- )?{re.escape(line)}$", compose, re.MULTILINE), line
    bind = compose.partition("target: /app/config.toml\n")[2].split()[:5]
    assert bind[:2] == ["read_only:", "true"]
    assert "create_host_path: false" in compose
    ports = re.findall(r"^\s*ports:", compose, re.MULTILINE)
    assert ports == []


def test_a_configuration_that_cannot_be_used_starts_no_restart_loop() -> None:
    """The bot waits for a service that looks once; ``.ci/image`` runs that command in the image."""
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    services = compose.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    looks, _, runs = services.partition("\n  retake:\n")
    assert "command: [check, --config-only]" in looks
    assert 'restart: "no"' in looks
    assert "configuration:\n        condition: service_completed_successfully" in runs
