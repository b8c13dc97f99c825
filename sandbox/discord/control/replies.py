"""How the control interface reads and answers: JSON, sentences, and how long one may wait.

Owns the statuses of refusals. Must not know what is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Json = dict[str, Any]
LONGEST_WAIT = 120.0


def seconds(given: object, default: float = 0.0) -> float:
    """Return how long a caller wants to wait, within reason."""
    return min(float(str(given)) if given is not None else default, LONGEST_WAIT)


Handled = Callable[[web.Request], Awaitable[Json]]


def answering(handler: Handled) -> Callable[[web.Request], Awaitable[web.Response]]:
    """JSON out; what was asked wrongly is a sentence with 400, 404 or 409."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except KeyError as error:
            return refusal(404 if " " in str(error) else 400, error)
        except TimeoutError as error:
            return refusal(409, error)
        except ValueError as error:
            return refusal(400, error)

    return answer


def refusal(status: int, error: Exception) -> web.Response:
    said = str(error.args[0]) if error.args else type(error).__name__
    if isinstance(error, KeyError) and " " not in said:
        said = f"{said} is missing"
    return web.json_response({"error": said}, status=status)


async def json_body(request: web.Request) -> Json:
    raw = await request.read()
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise ValueError(  # noqa: TRY004 - answered as every wrong body
            "the body is a JSON object"
        )
    return body
