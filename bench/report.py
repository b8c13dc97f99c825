"""How a bench says what it found: a table for people, one line of JSON for scripts.

Owns the options that every bench has, percentiles, and the description of the machine.
"""

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure that was promised: at most ``most`` of ``unit``, and what was reached."""

    name: str
    reached: float
    most: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the promise holds. What could not be measured does not."""
        return self.reached <= self.most


@dataclass(kw_only=True)
class Report:
    """One bench's findings. The first column of a row is its name.

    ``quick`` ones hold nothing against what was promised.
    """

    bench: str
    about: str
    quick: bool = False
    rows: list[Row] = field(default_factory=list[Row])
    targets: list[Target] = field(default_factory=list[Target])
    notes: list[str] = field(default_factory=list[str])
    started: float = field(default_factory=time.monotonic)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, **figures: Any) -> None:
        """One line of the table."""
        self.rows.append(figures)

    def promise(self, name: str, reached: float, most: float, unit: str = "") -> None:
        """One figure that was promised."""
        if self.quick:
            return
        self.targets.append(Target(name=name, reached=reached, most=most, unit=unit))

    def show(self) -> None:
        """Print everything; the last line is the JSON."""
        print(f"# {self.about}\n")
        print(table(self.rows))
        for target in self.targets:
            word = "met   " if target.met else "MISSED"
            print(f"\n{word} {target.name}: {shown(target.reached)}", end="")
            print(f" (promised: at most {shown(target.most)} {target.unit})", end="")
        for note in self.notes:
            print(f"\n- {note}", end="")
        print("\n")
        print(json.dumps(self.as_json(), separators=(",", ":")))

    def as_json(self) -> dict[str, Any]:
        """What the line of JSON says."""
        return {
            "bench": self.bench,
            "rows": [dict(row) for row in self.rows],
            "targets": [
                {"name": t.name, "reached": t.reached, "most": t.most, "met": t.met}
                for t in self.targets
            ],
            "notes": self.notes,
            "machine": {
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "load_before": round(self.load_before, 2),
                "load_after": round(os.getloadavg()[0], 2),
            },
            "took_s": round(time.monotonic() - self.started, 1),
        }


def options(about: str) -> argparse.Namespace:
    """The command line of a bench."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--quick", action="store_true", help="a small load, to see that it works: no figure counts"
    )
    return parser.parse_args()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed; not a number when there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(rows: Sequence[Row]) -> str:
    """Rows as a table in Markdown, which can be put into a page as it is."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[shown(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def shown(value: Any) -> str:
    """A figure with as many digits as mean something."""
    if value is None:
        return "–"
    if isinstance(value, float):
        if math.isnan(value):
            return "none"
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
