"""What a test of this folder found, for the report: a table for people, a line of JSON for scripts.

``RETAKE_FIGURES`` names the file that the lines are added to; without it they are only printed.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


class Figures:
    """One test's. Whatever it says is also kept, as the table of its report."""

    def __init__(self, name: str, **more: Any) -> None:
        self._figures: dict[str, Any] = {"figures": name, **more}
        self._lines: list[str] = []

    def say(self, line: str) -> None:
        """One line of the table."""
        self._lines.append(line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def write(self, **figures: Any) -> None:
        """The line of JSON."""
        line = json.dumps({**self._figures, **figures, "table": self._lines})
        if path := os.environ.get("RETAKE_FIGURES"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
