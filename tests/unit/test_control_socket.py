"""The control socket: one request, one answer, for this user alone, wherever the database is."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.operator import control_socket as ops
from bot.operator.control_socket import ControlSocket, ControlSocketClosedError, send


async def echo(question: dict[str, object]) -> dict[str, object]:
    return {"asked": question}


@asynccontextmanager
async def open_socket(path: Path) -> AsyncIterator[ControlSocket]:
    control_socket = ControlSocket(path, echo)
    await control_socket.start()
    yield control_socket
    await control_socket.stop()


async def test_what_is_asked_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "retake.db.control"
    async with open_socket(path):
        assert await send(path, {"action": "list"}) == {"asked": {"action": "list"}}
        large = {"text": "ü" * 300_000}
        assert await send(path, large) == {"asked": large}
    assert not path.exists()


async def test_only_this_user_may_ask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with open_socket(tmp_path / "desk") as control_socket:
            mode = control_socket.path.stat().st_mode
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_a_path_longer_than_sockets_take_is_no_matter(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 10)
    folder.mkdir(parents=True)
    async with open_socket(folder / "retake.db.control") as control_socket:
        assert control_socket.path.exists()
        assert await send(control_socket.path, {"a": 1}) == {"asked": {"a": 1}}


async def test_what_a_killed_bot_left_there_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "desk"
    first = ControlSocket(path, echo)
    await first.start()
    async with open_socket(path):
        assert await send(path, {"a": 1}) == {"asked": {"a": 1}}
    await first.stop()


async def test_an_absent_service_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ControlSocketClosedError):
        await send(tmp_path / "desk", {})


@pytest.mark.parametrize("line", [b"", b"no json\n", b"[1, 2]\n", b'"text"\n', b"\xff\xfe\n"])
async def test_a_question_that_is_none_gets_an_empty_answer(tmp_path: Path, line: bytes) -> None:
    async with open_socket(tmp_path / "desk") as control_socket:
        reader, writer = await asyncio.open_unix_connection(control_socket.path)
        writer.write(line)
        writer.write_eof()
        assert await reader.read() == b"{}\n"
        writer.close()
        assert await send(control_socket.path, {"a": 1}) == {"asked": {"a": 1}}


async def test_a_line_without_end_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops, "MAX_LINE", 1000)
    async with open_socket(tmp_path / "desk") as control_socket:
        reader, writer = await asyncio.open_unix_connection(control_socket.path)
        writer.write(b"x" * 5000)
        await writer.drain()
        assert await reader.read() == b""
        writer.close()


async def test_one_who_says_nothing_is_left_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops, "READ_SECONDS", 0.05)
    async with open_socket(tmp_path / "desk") as control_socket:
        reader, writer = await asyncio.open_unix_connection(control_socket.path)
        assert await reader.read() == b""
        writer.close()


async def test_without_a_folder_the_bot_runs_all_the_same(tmp_path: Path) -> None:
    control_socket = ControlSocket(tmp_path / "nowhere" / "desk", echo)
    await control_socket.start()
    await control_socket.stop()
