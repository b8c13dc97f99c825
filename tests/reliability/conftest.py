"""Quiet logs, and at the end the count of what was tried: a reader can check the figures."""

import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

TRIED = "tried"

Counted = Callable[[str], None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Counted:
    """Takes lines for the end of the run. They travel with the test's report, as the tests may run
    in other processes.
    """
    return lambda line: request.node.user_properties.append((TRIED, line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines = [
        line
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, line in report.user_properties
        if name == TRIED
    ]
    if lines:
        terminalreporter.section("crashes tried")
        for line in lines:
            terminalreporter.write_line(line)
