"""Logs of the bot and its libraries: structlog on one stream, without secrets."""

import json
import logging
import re
import sys
from collections.abc import Collection
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "•••"
_SHORTEST = 4
# Anything that looks like a credential is removed, even if it is not ours.
_CREDENTIAL = re.compile(r"(?i)\b(Bearer|Bot)(\s+)[A-Za-z0-9._~+/=-]{16,}")
# The lowest level of each library that is logged. Below it, some write every URL, and URLs contain
# tokens; the gateway's logger writes whole events, with members' messages and interaction tokens.
# The rest would only repeat the bot's own lines.
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
    """The last processor: renders an event and removes secrets in all their spellings."""

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
        # The longest comes first: a secret may contain a shorter one.
        alternatives = "|".join(
            re.escape(word) for word in sorted(spellings, key=len, reverse=True)
        )
        self._known = re.compile(alternatives) if alternatives else None

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        # Values are cleaned before, because a renderer may escape a secret beyond recognition, and
        # the text after, because only the renderer turns exceptions into text.
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
        """Return the text without secrets."""
        text = _CREDENTIAL.sub(rf"\1\2{REDACTED}", text)
        return self._known.sub(REDACTED, text) if self._known else text


def configure_logging(
    *, level: str, as_json: bool, secrets: Collection[str], stream: TextIO | None = None
) -> None:
    """Write the logs of structlog and the standard library to one stream, in one format.

    ``level`` is that of ``[log]``. The function may be called again.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor
    if as_json:
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
