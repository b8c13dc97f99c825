"""The locks and the container file agree with the tree and with each other."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

SETS = ("run", "sandbox", "dev", "lint")


def pins(root: Path, name: str) -> dict[str, str]:
    text = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.\[\]-]+)==(\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", SETS)
def test_every_pin_has_hashes_and_no_address(root: Path, name: str) -> None:
    text = (root / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"^(?=[\w.-]+[=@ \[])", text, flags=re.MULTILINE)
    bare = [entry.split()[0] for entry in entries if entry.strip() and "--hash=" not in entry]
    assert bare == []
    assert len(pins(root, name)) == len([entry for entry in entries if entry.strip()])


@pytest.mark.parametrize(("smaller", "larger"), list(pairwise(SETS)))
def test_each_set_holds_the_one_before(root: Path, smaller: str, larger: str) -> None:
    """The launcher lets a larger environment serve a smaller command."""
    assert pins(root, smaller).items() <= pins(root, larger).items()


def test_what_the_image_copies_is_there_and_not_ignored(root: Path) -> None:
    wanted = [
        source
        for line in (root / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert wanted
    assert [source for source in wanted if not (root / source).exists()] == []
    assert [source for source in wanted if f"!{source}" not in ignore] == []
