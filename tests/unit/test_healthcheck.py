"""The container's health check asks where the configuration says; its exit status answers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bot.operator.healthcheck import health_url, main
from bot.settings import load


class Bot(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        assert self.path == "/healthz"
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Bot)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("status", "result"), [(200, 0), (503, 1)])
def test_the_port_of_the_file_is_asked(
    port: int, status: int, result: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bot, "status", status)
    Path("config.toml").write_text(f'[http]\nhost = "0.0.0.0"\nport = {port}\n', encoding="utf-8")
    assert main() == result


def test_the_environment_wins(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.toml").write_text("[http]\nport = 1\n", encoding="utf-8")
    monkeypatch.setenv("RETAKE__HTTP__PORT", str(port))
    assert main() == 0


def test_nobody_there_is_not_alive() -> None:
    Path("config.toml").write_text("[http]\nport = 1\n", encoding="utf-8")
    assert main() == 1


def test_any_free_port_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.toml").write_text("[http]\nport = 0\n", encoding="utf-8")
    assert main() == 0
    assert "any free port" in capsys.readouterr().out


def test_a_broken_configuration_is_not_alive(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.toml").mkdir()
    assert main() == 1
    assert "is a folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_all_interfaces_are_asked_on_loopback(host: str, asked: str) -> None:
    settings = load(None, {"RETAKE__HTTP__HOST": host})
    assert health_url(settings) == f"http://{asked}:8080/healthz"
