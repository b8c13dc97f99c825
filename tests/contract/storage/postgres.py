"""A PostgreSQL server for the tests: the one that is named, or a temporary one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

VARIABLE = "RETAKE_TEST_POSTGRES"
HOW = (
    f"needs PostgreSQL: install its server programs (Debian: postgresql), or set {VARIABLE}"
    " to the URL of a server where databases may be made and dropped"
)


def _programs() -> Path | None:
    """The folder of the server's programs; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    return newest and newest.parent


def is_to_be_had() -> bool:
    """Whether a server is named or can be started."""
    return bool(os.environ.get(VARIABLE)) or _programs() is not None


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server's maintenance database."""
    if url := os.environ.get(VARIABLE):
        yield url
        return
    programs = _programs()
    assert programs is not None, HOW
    # The server refuses to run as root; its packages bring a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="retake-pg-"))
    if user:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), "-D", str(data), *arguments],
            check=True,
            timeout=60,
            user=user,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    try:
        run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


async def administer(url: str, *statements: str) -> None:
    """Run statements that no transaction may hold."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain, timeout=15)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)
