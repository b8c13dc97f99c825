"""What the tests of this folder share: the count of hostile inputs, and Discord's own document.

Every input made to harm is counted as tried, and as accepted unless the bot refused it or showed it
as the harmless text it is. The line at the end of the run counts the cases of other folders too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from _pytest.terminal import TerminalReporter

from sandbox.discord.wire.openapi import OpenApiValidator, document

PROPERTY = "hostile"

# Files and tests elsewhere whose every case is one hostile input: it passes when it was refused.
ELSEWHERE = (
    "tests/contract/media/test_hostile_files.py::test_hostile_files_are_refused",
    "tests/contract/media/test_hostile_files.py::test_a_truncated_file_is_refused",
    "tests/contract/media/test_hostile_files.py::test_a_picture_with_a_header",
    "tests/contract/media/test_hostile_files.py::test_a_jpeg_whose_picture_is_nonsense",
    "tests/contract/media/test_hostile_files.py::test_frames_too_large_are_never_decoded",
    "tests/contract/media/test_hostile_files.py::test_what_hangs_behind_a_file",
    "tests/contract/media/test_hostile_files.py::test_the_worker_opens_nothing_but",
    "tests/contract/providers/test_http_links.py::test_a_redirect_is_checked_like_any_address",
    "tests/contract/providers/test_http_links.py::test_a_name_that_leads_inside",
    "tests/contract/providers/test_http_bodies.py::test_an_oversized_answer",
    "tests/contract/providers/test_http_bodies.py::test_deeply_nested_json",
    "tests/integration/flows/test_panels.py::test_ids_that_the_bot_never_made",
    "tests/integration/test_web_server.py::test_forged_callbacks_are_nothing",
    "tests/integration/test_web_server.py::test_a_body_beyond_the_cap",
    "tests/integration/test_web_server.py::test_a_body_that_never_comes",
    "tests/unit/test_provider_addresses.py::test_nothing_private_is_public",
    "tests/unit/test_provider_addresses.py::test_permitted_loopback_opens_nothing_else",
    "tests/unit/test_provider_addresses.py::test_only_plain_https_urls_pass",
    "tests/unit/test_markdown.py::test_nothing_is_a_mark",
)


@dataclass
class Tally:
    """Hostile inputs of one test; ``counts`` are those tried and those accepted."""

    counts: list[int] = field(default_factory=lambda: [0, 0])
    accepted: list[str] = field(default_factory=list)

    def harmless(self, inputs: Iterable[object], faults: Sequence[object]) -> None:
        """Inputs tried together; ``faults`` are what they brought about, which must be nothing."""
        for what in inputs:
            self.refused((what, *faults[:3]), ok=not faults)

    def refused(self, what: object, *, ok: bool) -> None:
        """One input was tried; ``ok`` when it came to nothing."""
        self.counts[0] += 1
        if not ok:
            self.counts[1] += 1
            self.accepted.append(str(what))


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts; at the end nothing may have been accepted."""
    tally = Tally()
    # The report of the test carries the list itself, and takes it along between processes.
    request.node.user_properties.append((PROPERTY, tally.counts))
    yield tally
    assert tally.counts[0]
    assert tally.accepted == []


@pytest.fixture(scope="session")
def validator() -> OpenApiValidator | None:
    """Discord's own document, where it is at hand; the integration tests insist on it."""
    return OpenApiValidator.load() if document() else None


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    tried = accepted = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            counted = dict(report.user_properties).get(PROPERTY)
            if counted is not None:
                tried, accepted = tried + counted[0], accepted + counted[1]
            elif report.when == "call" and report.nodeid.startswith(ELSEWHERE):
                tried, accepted = tried + 1, accepted + (outcome == "failed")
    if tried:
        line = json.dumps({"hostile_inputs": tried, "accepted": accepted})
        terminalreporter.write_line(f"hostile inputs: {tried} tried, {accepted} accepted  {line}")
