"""Runs every battery of reliability and writes down what it found, as ``docs/reliability.md``.

Owns the page and the figures next to it (``docs/reliability.json``), which hold the newest run of
each part: one part can be run again without the others. Judges nothing itself.

    python -m bench.reliability [--long] [--only PART …] [--write]

Ends non-zero when a part that was run did not pass. The long run takes about two hours.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "docs" / "reliability.json"

Json = dict[str, Any]
_JSON_LINE = re.compile(r"\{.*\}$")
_POINTS = re.compile(r"^(.+): (\d+) points, (\d+) single crashes$", re.MULTILINE)
_PAIRS = re.compile(r"^(.+): (\d+) of (\d+) pairs of crashes, \d+ to the end$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One battery: how it is run, short and long, and how its output is read."""

    command: Sequence[str]
    read: Callable[[str, Sequence[Json]], Json]
    short: Sequence[str] = ()
    long: Sequence[str] = ()


def _pytest(*paths: str) -> list[str]:
    return ["-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]


def _crashes(said: str, _: Sequence[Json]) -> Json:
    points = {name: (int(p), int(n)) for name, p, n in _POINTS.findall(said)}
    pairs = {name: (int(n), int(of)) for name, n, of in _PAIRS.findall(said)}
    if not points:
        return {}
    return {
        "paths": len(points),
        "points": sum(p for p, _ in points.values()),
        "crashes": sum(n for _, n in points.values()),
        "pairs": sum(n for n, _ in pairs.values()),
        "pairs_of": sum(of for _, of in pairs.values()),
        "by_path": {
            name: [*counts, pairs.get(name, (0, 0))[0]] for name, counts in sorted(points.items())
        },
    }


def _last_json(said: str, _: Sequence[Json]) -> Json:
    lines = [found[0] for line in said.splitlines() if (found := _JSON_LINE.search(line))]
    return json.loads(lines[-1]) if lines else {}


def _figures(name: str) -> Callable[[str, Sequence[Json]], Json]:
    def read(_: str, record: Sequence[Json]) -> Json:
        return next((one for one in reversed(record) if one.get("figures") == name), {})

    return read


def _passed(said: str, _: Sequence[Json]) -> Json:
    passed, failed = (re.search(rf"(\d+) {word}", said) for word in ("passed", "failed"))
    if not passed and not failed:
        return {}
    return {"passed": int(passed[1]) if passed else 0, "failed": int(failed[1]) if failed else 0}


PARTS: Mapping[str, Part] = {
    "crashes": Part(
        command=_pytest("tests/reliability/test_crashes.py"),
        read=_crashes,
        long=["-n", "2", "--dist", "worksteal"],
    ),
    "blows": Part(
        command=_pytest(
            "tests/reliability/test_blows.py",
            "tests/reliability/test_lifecycle.py",
            "tests/reliability/test_parallel.py",
        ),
        read=_passed,
    ),
    "chaos": Part(command=["-m", "bench.chaos"], read=_last_json, short=["--quick"]),
    "matrix": Part(command=_pytest("tests/reliability/test_matrix.py"), read=_figures("matrix")),
    "machine": Part(command=_pytest("tests/reliability/test_machine.py"), read=_figures("machine")),
    "around": Part(command=_pytest("tests/reliability/test_around.py"), read=_passed),
    "security": Part(command=_pytest("tests/security"), read=_last_json),
    "planted": Part(command=["-m", "bench.planted"], read=_last_json),
}


def run(name: str, *, long: bool) -> Json:
    """One battery, and its figures with how it ended."""
    part = PARTS[name]
    print(f"{name}: begun at {datetime.now(UTC):%H:%M} UTC", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="retake-figures-") as folder:
        figures = Path(folder, "figures.jsonl")
        environment = os.environ | {"RETAKE_FIGURES": str(figures)}
        environment.pop("RETAKE_LONG", None)
        if long:
            environment["RETAKE_LONG"] = "1"
        command = [sys.executable, *part.command, *(part.long if long else part.short)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        record = []
        if figures.exists():
            record = [json.loads(line) for line in figures.read_text().splitlines()]
    found = part.read(done.stdout, record)
    took = round(time.monotonic() - began)
    ended = "passed" if done.returncode == 0 else "FAILED"
    print(f"{name}: {ended} in {took // 60} min {took % 60} s", flush=True)
    if done.returncode != 0:
        print(done.stdout[-3000:], done.stderr[-1000:], sep="\n")
    if isinstance(measured := found.pop("machine", None), dict):
        found["load"] = measured["load_before"]
    return {
        **found,
        "exit": done.returncode,
        "long": long,
        "seconds": took,
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
    }


def page(kept: Mapping[str, Json]) -> str:
    """The page."""
    lines = [
        "# Reliability: what was tried, what went wrong",
        "",
        "Made by `python -m bench.reliability --long`; the figures are in `reliability.json`.",
        "Whatever can be counted outside the bot is: by the stand-ins of Discord and of the",
        "providers, and in the rows of the database read with SQLite alone.",
        "",
        "| what | figures | wrong | run |",
        "| --- | --- | --- | --- |",
    ]
    for name in PARTS:
        lines.append(_row(TITLES[name], TELL[name], kept.get(name)))
        if name == "chaos":
            lines.append(_row(FIRST_STEP, _tell_first_step, kept.get(name)))
    notes = [
        f"- {TITLES[name]}: {note}"
        for name in PARTS
        for note in (kept.get(name) or {}).get("notes", ())
    ]
    lines += ["", *notes] if notes else []
    lines += _by_path(kept.get("crashes"))
    for name, title in (("matrix", "The fault matrix"), ("machine", "Trouble of the machine")):
        if table := (kept.get(name) or {}).get("table"):
            lines += ["", f"## {title}", "", *(_trimmed(line) for line in table)]
    return "\n".join([*lines, ""])


Tell = Callable[[Json], tuple[str, str]]


def _row(title: str, tell: Tell, record: Json | None) -> str:
    if not record:
        return f"| {title} | not run | | |"
    mode = "long" if record["long"] else "short"
    ended = "" if record["exit"] == 0 else ", **failed**"
    try:
        figures, wrong = tell(record)
    except KeyError:
        # What it was to say at its end it never said.
        figures, wrong = "it reported no figures", "see its output"
    return f"| {title} | {figures} | {wrong} | {record['at'][:10]}, {mode}{ended} |"


FIRST_STEP = "From a start after a kill to the first step"
TITLES = {
    "crashes": "Stopped before and after every effect and commit, in a simulation",
    "blows": "Standing still, a silent database, many at once, any order of events",
    "chaos": "The process killed at random under load",
    "matrix": "Every call to the outside, gone wrong in every way",
    "machine": "Database, disk and media worker in trouble",
    "around": "Stops in every state; outages, places and rights that go",
    "security": "Hostile inputs",
    "planted": "Planted faults",
}


def _tell_crashes(record: Json) -> tuple[str, str]:
    pairs = f"{record['pairs']:,} of {record.get('pairs_of', record['pairs']):,} pairs"
    figures = f"{record['points']:,} points on {record['paths']} paths, "
    figures += f"{record['crashes']:,} single crashes, {pairs}"
    return figures, "0" if record["exit"] == 0 else "see its output"


def _tell_chaos(record: Json) -> tuple[str, str]:
    row = record["rows"][0]
    figures = f"{row['kills']} kills, {row['generations']:,} generations, {row['posts']:,} videos"
    return figures, ", ".join(f"{t['name']} {t['reached']}" for t in record["targets"])


def _tell_first_step(record: Json) -> tuple[str, str]:
    row = record["rows"][0]
    figures = f"mostly {row['first_step_p50_s']} s, at most {row['first_step_max_s']} s"
    if (load := record.get("load")) is not None:
        figures += f" (the machine's load was {load})"
    return figures, ""


def _tell_cells(record: Json) -> tuple[str, str]:
    of = f" of {record['of']}" if record.get("of", record["cells"]) != record["cells"] else ""
    names = [name for name in ("hung", "crashed", "untrue", "missed") if name in record]
    return f"{record['cells']}{of} cells", ", ".join(f"{name} {record[name]}" for name in names)


def _tell_tests(record: Json) -> tuple[str, str]:
    return f"{record['passed']} tests", str(record["failed"])


TELL: Mapping[str, Tell] = {
    "crashes": _tell_crashes,
    "blows": _tell_tests,
    "chaos": _tell_chaos,
    "matrix": _tell_cells,
    "machine": _tell_cells,
    "around": _tell_tests,
    "security": lambda record: (
        f"{record['hostile_inputs']:,} tried",
        f"accepted {record['accepted']}",
    ),
    "planted": lambda record: (f"{record['planted']} planted", f"caught {record['caught']}"),
}


def _by_path(record: Json | None) -> list[str]:
    if not record or not record.get("by_path"):
        return []
    head = ["", "## Crash points by path", "", "| path | points | crashes | pairs |"]
    rows = [f"| {name} | {p} | {n} | {m} |" for name, (p, n, m) in record["by_path"].items()]
    return [*head, "| --- | --- | --- | --- |", *rows]


def _trimmed(line: str) -> str:
    """Times of day in what people saw are of no interest."""
    return re.sub(r" +", " ", re.sub(r"<t:\d+:R>", "…", line))


def main() -> None:
    """Run what is asked for, keep the figures, write the page."""
    parser = argparse.ArgumentParser(description="Run the batteries, write docs/reliability.md.")
    parser.add_argument("--long", action="store_true", help="everything, not samples")
    parser.add_argument("--only", nargs="*", choices=sorted(PARTS), help="these parts alone")
    parser.add_argument("--write", action="store_true", help="run nothing, write the page again")
    given = parser.parse_args()
    kept: dict[str, Json] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    chosen = () if given.write else given.only or PARTS
    for name in chosen:
        kept[name] = run(name, long=given.long)
        # After each part: what was found stays found when a later part is broken off.
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        PAGE.write_text(page(kept), encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")
    print(f"all of it: {sum(kept[name]['seconds'] for name in chosen) / 60:.0f} min")
    sys.exit(any(kept[name]["exit"] for name in chosen))


if __name__ == "__main__":
    main()
