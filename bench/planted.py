"""Plants faults one at a time in a copy of the project, and sees whether the tests find each.

``bench.fault`` reads the faults. The exit status is not zero if one was not caught, or if the code
no longer has the words that it changes.

    python -m bench.planted [--only WORD …]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.fault import Fault, faults

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "data", "docs", "node_modules")
LIMIT_SECONDS = 900


def planted(fault: Fault, tree: Path) -> str | None:
    """Change the copy. Return the file that lacks the words to change, or None."""
    for change in fault.changes:
        path = tree / change.path
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            return change.path
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")
    return None


def restored(fault: Fault, tree: Path) -> None:
    """Put the files of a fault back."""
    for change in fault.changes:
        shutil.copyfile(ROOT / change.path, tree / change.path)


def caught_by(fault: Fault, tree: Path) -> str | None:
    """Return the first test that fails with the fault in place, or None."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests]
    environment = {key: value for key, value in os.environ.items() if key != "RETAKE_LONG"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not finished after {LIMIT_SECONDS} s"
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{fault.name}: the tests could not run\n{done.stdout[-2000:]}")
    if done.returncode == 0 and " passed" not in done.stdout:
        raise SystemExit(f"{fault.name}: its tests were all skipped\n{done.stdout[-2000:]}")
    found = re.search(r"^(?:FAILED|ERROR) (\S+?::.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return found[1] if found else None


def copied(into: Path) -> Path:
    """Copy the project as it is now, without generated files."""
    tree = into / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    return tree


def main() -> None:
    """Plant one fault after the other; print a table for people and a line of JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--only", nargs="*", default=[""], help="faults with these words")
    only = parser.parse_args().only
    chosen = [fault for fault in faults() if any(word in fault.name for word in only)]
    wide = max(len(fault.name) for fault in chosen)
    missed: list[str] = []
    print(f"{'fault':{wide}} | caught by")
    with tempfile.TemporaryDirectory(prefix="retake-planted-") as folder:
        tree = copied(Path(folder))
        for fault in chosen:
            began = time.monotonic()
            lost = planted(fault, tree)
            caught = None if lost is not None else caught_by(fault, tree)
            restored(fault, tree)
            if caught is None:
                missed.append(fault.name)
            result = caught or (f"NOT PLANTED: {lost} has changed" if lost else "NOT CAUGHT")
            print(f"{fault.name:{wide}} | {result} ({time.monotonic() - began:.0f} s)", flush=True)
    caught_count = len(chosen) - len(missed)
    print(json.dumps({"planted": len(chosen), "caught": caught_count, "missed": missed}))
    sys.exit(1 if missed else 0)


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """The docstring is laid out already."""


if __name__ == "__main__":
    main()
