"""Quiet logs, and at the end the count of what was tried: a reader can check the figures."""

import logging
from collections.abc import Iterator

import pytest
import structlog

COUNTS: list[str] = []


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def counted() -> list[str]:
    """Lines for the end of the run."""
    return COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNTS:
        terminalreporter.section("crashes tried")
        for line in COUNTS:
            terminalreporter.write_line(line)
