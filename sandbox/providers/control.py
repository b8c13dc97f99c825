"""The control interface of the providers: their state, settings, faults, and single tasks.

Owns `/control/providers*` as `docs/reference/sandbox.md` describes it. Knows nothing of Discord.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox.providers.service import Provider
from sandbox.providers.tasks import Task

_MOST_TASKS = 100
_MOST_CALLS = 200
_SETTINGS: dict[str, tuple[type, ...]] = {
    "seconds": (int, float),
    "progress_step": (int,),
    "status_words": (dict, type(None)),
    "balance_usd": (int, float),
    "api_key": (str,),
    "rate_limit": (int, type(None)),
    "estimate": (int, type(None)),
    "denied_models": (list,),
    "url_as_string": (bool,),
}


class ProviderControl:
    """The handlers under /control/providers."""

    def __init__(self, providers: Mapping[str, Provider], tick: Callable[[], None]) -> None:
        self._providers = providers
        self._tick = tick

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.add_routes(
            [
                web.get("/control/providers", self._state),
                web.put("/control/providers/{name}", self._settings),
                web.post("/control/providers/{name}/faults", self._add_fault),
                web.delete("/control/providers/{name}/faults", self._clear_faults),
                web.post("/control/providers/{name}/tasks/{id}", self._task),
            ]
        )

    async def _state(self, request: web.Request) -> web.Response:
        self._tick()
        return web.json_response(
            {name: shown(provider) for name, provider in self._providers.items()}
        )

    async def _settings(self, request: web.Request) -> web.Response:
        provider = self._provider(request)
        body = await _object(request)
        for name, value in body.items():
            if name not in _SETTINGS:
                raise _refused(400, f"there is no setting {name}")
            if not isinstance(value, _SETTINGS[name]) or (
                isinstance(value, bool) and bool not in _SETTINGS[name]
            ):
                raise _refused(400, f"{name} is of the wrong type")
        step = body.get("progress_step", 1)
        if not 1 <= step <= 100 or body.get("seconds", 0) < 0:
            raise _refused(400, "progress_step is 1 to 100, seconds is not negative")
        for name, value in body.items():
            if name == "balance_usd":
                provider.balance_usd = value
            else:
                setattr(provider.settings, name, value)
        provider.tell()
        return web.json_response(shown(provider))

    async def _add_fault(self, request: web.Request) -> web.Response:
        provider = self._provider(request)
        body = await _object(request)
        try:
            fault = provider.add_fault(**body)
        except (ValueError, TypeError, KeyError) as error:
            raise _refused(400, f"not a fault: {error}") from None
        return web.json_response({"id": fault.id})

    async def _clear_faults(self, request: web.Request) -> web.Response:
        provider = self._provider(request)
        provider.faults.clear()
        provider.tell()
        return web.json_response({})

    async def _task(self, request: web.Request) -> web.Response:
        provider = self._provider(request)
        self._tick()
        task = provider.tasks.get(request.match_info["id"])
        if task is None:
            raise _refused(404, "there is no such task")
        body = await _object(request)
        if task.ended:
            raise _refused(409, "the task has ended")
        match body.get("do"):
            case "finish":
                provider.book.finish(task)
            case "fail":
                provider.book.fail(task, body.get("code"), body.get("message"))
            case "progress":
                progress = body.get("progress")
                if not isinstance(progress, int | float) or not 0 <= progress <= 99:
                    raise _refused(400, "progress is 0 to 99")
                provider.book.advance(task, progress)
            case other:
                raise _refused(400, f"cannot do {other}")
        provider.tell()
        return web.json_response(shown_task(provider, task))

    def _provider(self, request: web.Request) -> Provider:
        provider = self._providers.get(request.match_info["name"])
        if provider is None:
            raise _refused(404, "there is no such provider")
        return provider


def shown(provider: Provider) -> dict[str, Any]:
    """A provider's state, newest first."""
    settings = provider.settings
    tasks = itertools.islice(reversed(provider.tasks.values()), _MOST_TASKS)
    calls = itertools.islice(reversed(provider.calls), _MOST_CALLS)
    return {
        "settings": {
            "seconds": settings.seconds,
            "progress_step": settings.progress_step,
            "status_words": settings.status_words,
            "balance_usd": provider.balance_usd,
            "api_key": settings.api_key,
            "rate_limit": settings.rate_limit,
            "estimate": settings.estimate,
            "denied_models": settings.denied_models,
            "url_as_string": settings.url_as_string,
        },
        "balance_usd": provider.balance_usd,
        "charged_usd": provider.charged_usd,
        "reserved_usd": provider.book.account.reserved_micro / 1_000_000,
        "tasks": [shown_task(provider, task) for task in tasks],
        "calls": [call.public() for call in calls],
        "faults": provider.faults.public(),
    }


def shown_task(provider: Provider, task: Task) -> dict[str, Any]:
    """A task as the panel shows it."""
    results = provider.results(task)
    error = task.error
    return {
        "id": task.id,
        "model": task.submission.model.name,
        "mode": task.submission.mode,
        "prompt": task.submission.prompt,
        "status": provider.word(task),
        "progress": provider.progress(task),
        "created_at": task.created_at,
        "completes_at": task.ends_at,
        "charged_usd": task.charged_micro / 1_000_000,
        "reserved_usd": task.reserved_micro / 1_000_000,
        "error": None
        if error is None
        else {"code": error.code or error.kind, "message": error.message},
        "idempotency_key": task.idempotency_key,
        "result_url": results[0] if results else None,
    }


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise _refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise _refused(400, "the body is not an object")
    return body


def _refused(status: int, sentence: str) -> web.HTTPException:
    kinds = {400: web.HTTPBadRequest, 404: web.HTTPNotFound, 409: web.HTTPConflict}
    body = web.json_response({"error": sentence}).text or ""
    return kinds[status](text=body, content_type="application/json")
