"""Our logs and the libraries', in one form, without a secret however it is spelled."""

import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog

from bot.ops.logging import REDACTED, configure_logging

SECRET = 'k3y/with "quotes"\\and+ümlaut'
SECOND = "k3y/with"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def logged(format_: str, level: str = "info") -> io.StringIO:
    out = io.StringIO()
    secrets = [SECRET, SECOND, "abc"]
    configure_logging(level=level, as_json=format_ == "json", secrets=secrets, stream=out)
    return out


@pytest.mark.parametrize("format_", ["console", "json"])
def test_no_spelling_of_a_secret_is_written(format_: str) -> None:
    out = logged(format_)
    log = structlog.get_logger("test")
    log.info("message %s", SECRET, key=SECRET, nested={"list": [SECRET]}, data=SECRET.encode())
    log.info("wrapped", pair=(SECRET, 1), error=ValueError(SECRET), kinds={SECRET})
    log.info("address", url=f"https://x/?key={quote(SECRET, safe='')}")
    logging.getLogger("library").warning("library says %s", SECRET)
    logging.getLogger("library").warning("header Authorization: Bearer %s", "z" * 20)
    try:
        int(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    text = out.getvalue()
    assert text.count("message") == 1
    assert text.count("ValueError") >= 2
    assert REDACTED in text
    for spelling in ("k3y", "quotes", "mlaut", "z" * 20):
        assert spelling not in text


def test_what_is_too_short_to_be_a_secret_is_left_alone() -> None:
    out = logged("json")
    structlog.get_logger("test").info("abc")
    assert json.loads(out.getvalue())["event"] == "abc"


def test_json_lines_carry_the_work_at_hand() -> None:
    out = logged("json")
    with structlog.contextvars.bound_contextvars(generation="g1"):
        structlog.get_logger("bot.test").info("moved", state="ready")
        logging.getLogger("discord.client").warning("slow %d", 3)
    ours, theirs = (json.loads(line) for line in out.getvalue().splitlines())
    assert (ours["event"], ours["generation"]) == ("moved", "g1")
    assert (ours["level"], ours["logger"], ours["state"]) == ("info", "bot.test", "ready")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["generation"]) == ("slow 3", "g1")
    assert (theirs["level"], theirs["logger"]) == ("warning", "discord.client")


def test_the_level_holds_for_everybody_and_chatter_is_off() -> None:
    out = logged("json", "warning")
    structlog.get_logger("test").info("ours")
    logging.getLogger("library").info("theirs")
    assert out.getvalue() == ""
    out = logged("json", "debug")
    logging.getLogger("httpx").info("HTTP Request: GET https://x/?token=1")
    logging.getLogger("library").debug("seen")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["seen"]
