"""Logs: structlog for us and for every library, on one stream, with every secret blacked out.

Owns the set-up, done once at start. Loggers come from ``structlog.get_logger()`` and bind what is
being worked on: ``with structlog.contextvars.bound_contextvars(generation=id):``.
"""

import json
import logging
import re
import sys
from collections.abc import Collection
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

BLACK = "•••"
_SHORTEST = 4
# What looks like a credential is one, also when it is none of ours.
_CREDENTIAL = re.compile(r"(?i)\b(Bearer|Bot)(\s+)[A-Za-z0-9._~+/=-]{16,}")
# The lowest level of each library that is logged. Some log every request with its address, and
# addresses carry tokens; the gateway logs every event: what people wrote, and the tokens that
# answer in our name. The rest would only repeat what the bot's own lines say.
_QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "discord.client": logging.WARNING,
    "discord.gateway": logging.WARNING,
    "discord.http": logging.WARNING,
    "discord.webhook": logging.WARNING,
}


class Redactor:
    """The last processor: renders an event and blacks out secrets, however they are written."""

    def __init__(self, renderer: Processor, secrets: Collection[str]) -> None:
        self._renderer = renderer
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= _SHORTEST
            for spelling in (
                secret,
                quote(secret, safe=""),
                json.dumps(secret, ensure_ascii=False)[1:-1],
                repr(secret)[1:-1],
            )
        }
        # The longest first, or the rest of a longer one would be left standing.
        alternatives = "|".join(
            re.escape(word) for word in sorted(spellings, key=len, reverse=True)
        )
        self._known = re.compile(alternatives) if alternatives else None

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        # Before, because a renderer may escape a secret beyond recognition; after, for the
        # exceptions that only the renderer turns into text.
        cleaned = {
            key: value if key == "exc_info" else self._clean(value) for key, value in event.items()
        }
        return self.redact(str(self._renderer(logger, name, cleaned)))

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                return self.redact(value)
            case bytes():
                return self.redact(value.decode("utf-8", "replace"))
            case dict():
                return {key: self._clean(inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(inner) for inner in value]
            case None | bool() | int() | float():
                return value
        return self.redact(repr(value))

    def redact(self, text: str) -> str:
        """The text without secrets."""
        text = _CREDENTIAL.sub(rf"\1\2{BLACK}", text)
        return self._known.sub(BLACK, text) if self._known else text


def configure_logging(
    *, level: str, format_: str, secrets: Collection[str], stream: TextIO | None = None
) -> None:
    """Send structlog and the standard library's logging to one stream in one format.

    ``level`` and ``format_`` are those of ``[log]``; may be called again.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor
    if format_ == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                Redactor(renderer, secrets),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)
