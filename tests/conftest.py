"""What holds for every test: sockets reach this machine only, no setting leaks in from outside.

Also the order: the folders whose files take longest come first, so that several processes end
together.
"""

import os
import signal
import socket
from collections.abc import Iterator
from errno import EACCES
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import settings

# The machines tests run on are slow at times: how long an example took says nothing.
settings.register_profile("here", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

ADDRESSES = (socket.AF_INET, socket.AF_INET6)


LONGEST_FIRST = ("reliability", "e2e", "security")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(config.rootpath / "tests").parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=rank)


class Outside(OSError):
    """A test tried to leave the machine."""


def _is_here(host: object) -> bool:
    if host in {None, "", "localhost", b"localhost"}:
        return True
    try:
        address = ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session")
def _guarded_sockets() -> Iterator[list[str]]:
    attempts: list[str] = []
    patch = pytest.MonkeyPatch()

    def refuse(host: object) -> None:
        attempts.append(str(host))
        raise Outside(EACCES, f"tests reach loopback only, not {host!r}")

    def guard(name: str, *, address_at: int) -> None:
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, *args: Any) -> Any:
            address = args[address_at]
            if self.family in ADDRESSES and address is not None and not _is_here(address[0]):
                refuse(address[0])
            return real(self, *args)

        patch.setattr(socket.socket, name, guarded)

    look_up = socket.getaddrinfo

    def guarded_look_up(host: object, *args: Any, **kwargs: Any) -> Any:
        if not _is_here(host):
            refuse(host)
        return look_up(host, *args, **kwargs)  # pyright: ignore[reportArgumentType]

    guard("connect", address_at=0)
    guard("connect_ex", address_at=0)
    guard("sendto", address_at=-1)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    with patch.context():
        yield attempts
    patch.undo()


@pytest.fixture(autouse=True)
def attempts_outside(_guarded_sockets: list[str]) -> Iterator[list[str]]:
    """Fails the test at its end when anything tried to leave, even if the error was swallowed."""
    yield _guarded_sockets
    left, _guarded_sockets[:] = _guarded_sockets[:], []
    assert left == [], f"tried to reach {left}"


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A run in the background ignores Ctrl-C, and so would every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.startswith("RETAKE__"):
            monkeypatch.delenv(variable)
