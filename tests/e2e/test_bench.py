"""The benches still run: each with a small load, ending in one line of JSON. No figure counts."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHES = ("ack", "memory", "polls", "start")


async def run(name: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"bench.{name}", "--quick", cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


@pytest.mark.timeout(300)
async def test_every_bench_ends_in_a_line_of_json() -> None:
    # Together: most of their time they wait.
    ended = await asyncio.gather(*(run(name) for name in BENCHES))
    for name, (status, printed) in zip(BENCHES, ended, strict=True):
        assert status == 0, printed
        report = json.loads(printed.splitlines()[-1])
        assert report["bench"] == name
        assert report["rows"], printed
