"""Secrets that can be found again: what they are, and the search through everything a run left.

Owns the spellings under which a secret could hide and where a run can leave something. Knows
nothing of how the bot keeps them to itself.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

TOKEN = "Q0FOQVJZ.dG9rZW4.canary-discord-token-7c1f"
EVOLINK = "sk-canary-evolink-3b9e4d2a8f"
APIMART = "Canary/apimart+-91d0c7e5b6"
PASSWORD = 'canary p@ss/w"rd%5'
NAMES = {TOKEN: "token", EVOLINK: "evolink key", APIMART: "apimart key", PASSWORD: "password"}


def spellings(secret: str) -> set[bytes]:
    """A secret as it is, and as URLs, JSON, Python and base64 would write it."""
    words = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
    words |= {repr(secret)[1:-1], secret.swapcase()}
    found = {word.encode() for word in words}
    for shift in range(3):
        # The middle of a base64 text that holds it at any of the three offsets.
        packed = base64.b64encode(b"x" * shift + secret.encode())
        found.add(packed[4:-4])
    return found


def found_in(data: bytes | str, *, more: dict[str, str] | None = None) -> list[str]:
    """The names of the secrets in a text."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    secrets = NAMES | (more or {})
    return [
        name for secret, name in secrets.items() if any(word in raw for word in spellings(secret))
    ]


def files(folder: Path, *, besides: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder by name, with the name itself and its bytes."""
    for path in sorted(folder.rglob("*")):
        if path != besides:
            name = str(path.relative_to(folder))
            yield f"name of {name}", name.encode()
            if path.is_file():
                yield name, path.read_bytes()


@dataclass(frozen=True)
class Process:
    """One process as everybody on the machine sees it."""

    pid: int
    parent: int
    command: bytes


def processes() -> dict[int, Process]:
    """The process list."""
    found: dict[int, Process] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(folder.name)] = Process(int(folder.name), int(fields[1]), command)
    return found


def descendants(pid: int) -> list[Process]:
    """A process and all it started, directly or not."""
    listed = processes()
    family = {pid}
    while more := {p.pid for p in listed.values() if p.parent in family} - family:
        family |= more
    return [listed[each] for each in sorted(family) if each in listed]


def described(request: web.BaseRequest, body: object = None) -> dict[str, Any]:
    """What a request showed to whoever received it, but for the one header made for the secret."""
    return {
        "path": request.raw_path if isinstance(request, web.BaseRequest) else "",
        "headers": [(k, v) for k, v in request.headers.items() if k.lower() != "authorization"],
        "body": body,
    }
