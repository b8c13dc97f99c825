"""Asks the registry of advisories (OSV) about every package that the bot runs with.

Owns reading the lock and telling what is known. Without an answer it says so and does not fail: a
machine without a network can still pass; an advisory that was told fails.

    python3 .ci/audit.py [requirements/run.txt …]
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICE = "https://api.osv.dev/v1/querybatch"
ANSWER_SECONDS = 20
LONGEST_ANSWER = 8 * 2**20


def pins(lock: str) -> list[tuple[str, str]]:
    """The names and versions of a lock."""
    return re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, flags=re.MULTILINE)


def advisories(packages: list[tuple[str, str]], service: str) -> dict[tuple[str, str], list[str]]:
    """The ids of what is known against each package.

    Raises:
        OSError, ValueError: the registry did not answer, or not as it should.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in packages
    ]
    request = urllib.request.Request(  # noqa: S310 - the address is ours or the operator's
        service,
        data=json.dumps({"queries": queries}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - as above
        results = json.loads(answer.read(LONGEST_ANSWER))["results"]
    if len(results) != len(packages):
        raise ValueError("the answer is not about what was asked")
    told = zip(packages, results, strict=True)
    return {
        package: sorted(advisory["id"] for advisory in result["vulns"])
        for package, result in told
        if result.get("vulns")
    }


def main() -> int:
    options = argparse.ArgumentParser(description="Look for advisories against the locked packages")
    options.add_argument("locks", nargs="*", type=Path, default=[ROOT / "requirements/run.txt"])
    options.add_argument("--service", default=SERVICE)
    given = options.parse_args()
    packages = sorted({pin for lock in given.locks for pin in pins(lock.read_text("utf-8"))})
    try:
        found = advisories(packages, given.service)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        print(
            f"NOT AUDITED: the registry of advisories did not answer ({reason});"
            f" {len(packages)} packages were not looked up."
        )
        return 0
    for (name, version), ids in found.items():
        print(f"{name} {version}: {', '.join(ids)}")
    print(f"{len(packages)} packages looked up, {len(found)} with advisories.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
