"""Writes the list of the licences of every package that the bot runs with.

Owns reading the lock and the packages' own metadata; knows by itself only what the metadata of a
few leaves out, and those that other platforms or versions of Python install.

    .venv/bin/python .ci/licenses.py > docs/reference/licenses.md
"""

import re
import sys
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Licences of what Retake runs with

Generated from the packages' own metadata by `.venv/bin/python .ci/licenses.py >
docs/reference/licenses.md`, for every pin in `requirements/run.txt`. Retake itself is under the
MIT licence (`LICENSE`). The wheel of `av` (PyAV) contains FFmpeg's libraries with x264, and that of
`pillow-heif` contains libheif with x265: those libraries are under the GNU GPL and LGPL.

| package | version | licence |
|---|---|---|
"""
# As their projects state it, where the installed metadata does not.
KNOWN = {
    "aiosignal": "Apache-2.0",
    "audioop-lts": "PSF-2.0",  # for Python 3.13 and newer
    "discord-py": "MIT",
    "httpx-aiohttp": "BSD-3-Clause",
}
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}


def pins(lock: str) -> list[tuple[str, str]]:
    """The names and versions of a lock."""
    return re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, flags=re.MULTILINE)


def licence(name: str) -> str:
    """A package's licence, as short as SPDX writes it.

    Raises:
        LookupError: neither its metadata nor the list above says it.
    """
    if name in KNOWN:
        return KNOWN[name]
    try:
        told = distribution(name).metadata
    except PackageNotFoundError:
        raise LookupError(f"{name} is not installed and not in the list of this script") from None
    if found := _field(told, "License-Expression") or _field(told, "License"):
        return found
    for classifier in told.get_all("Classifier") or []:
        if (last := classifier.rpartition(" :: ")[2]) in CLASSIFIERS:
            return CLASSIFIERS[last]
    raise LookupError(f"{name} does not tell its licence: look it up and add it to this script")


def _field(told: PackageMetadata, name: str) -> str:
    # Some put the whole text of the licence there.
    value = (told[name] or "").strip() if name in told else ""
    return value if re.fullmatch(r"[\w.+ ()-]{2,60}", value) else ""


def main() -> None:
    lock = (ROOT / "requirements/run.txt").read_text("utf-8")
    rows = [f"| {name} | {version} | {licence(name)} |\n" for name, version in pins(lock)]
    sys.stdout.write(HEAD + "".join(rows))


if __name__ == "__main__":
    main()
