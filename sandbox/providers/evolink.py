"""EvoLink: its API as the pages and the official client describe it.

Owns EvoLink's paths, JSON and error words. Tasks, money and faults are the common provider's; its
files service has a module of its own.
"""

import re
import secrets
from typing import Any, ClassVar

from aiohttp import web

from sandbox.providers import rules
from sandbox.providers.api_server import TASK_ID
from sandbox.providers.callbacks import EVOLINK, Manner
from sandbox.providers.faults import Op, TaskFault
from sandbox.providers.service import Provider
from sandbox.providers.submission import Refused
from sandbox.providers.tasks import State, Task

CREDITS_PER_USD = 68
_CNY_PER_USD = 7.1
_MOST_IN_A_BATCH = 50
_MOST_ON_A_PAGE = 100
_KEY = re.compile(r"[A-Za-z0-9._-]{16,96}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("invalid_request", "Invalid request parameters", "invalid_request_error"),
    401: ("unauthorized", "Invalid or expired token", "authentication_error"),
    402: (
        "insufficient_quota",
        "Insufficient quota. Please top up your account.",
        "insufficient_quota",
    ),
    403: ("model_access_denied", "Token does not have access", "invalid_request_error"),
    404: ("not_found", "Not found", "invalid_request_error"),
    405: ("method_not_allowed", "Method not allowed", "invalid_request_error"),
    409: ("idempotency_conflict", "Idempotency conflict", "invalid_request_error"),
    413: ("request_too_large", "Request body too large", "invalid_request_error"),
    429: ("rate_limit_exceeded", "Too many requests, please try again later", "rate_limit_error"),
    500: ("internal_error", "Internal server error", "api_error"),
    502: ("upstream_error", "Upstream error", "api_error"),
    503: ("service_unavailable", "Service unavailable", "api_error"),
}
_FAILURES: dict[TaskFault, tuple[str, str]] = {
    TaskFault.MODERATION: (
        "content_policy_violation",
        "The request was rejected because it violates the content policy.",
    ),
    TaskFault.FAIL: ("service_error", "The service failed to generate the video."),
    TaskFault.CANCEL: ("request_cancelled", "The request was cancelled."),
}


class EvoLink(Provider):
    """The stand-in for api.evolink.ai."""

    name: ClassVar[str] = "evolink"
    title: ClassVar[str] = "EvoLink"
    models: ClassVar = rules.EVOLINK

    def mount(self, app: web.Application) -> None:
        """Add the API under /evolink."""
        api = web.Application(middlewares=[self.strangers])
        api.add_routes(
            [
                web.post("/v1/videos/generations", self.entry(Op.SUBMIT, self.submit)),
                web.post("/v1/tasks/batch", self.entry(Op.BATCH, self._batch)),
                web.get("/v1/tasks/{id}", self.entry(Op.QUERY, self._query)),
                web.get("/v1/tasks", self.entry(Op.LIST, self._list)),
                web.get("/v1/models", self.entry(Op.MODELS, self._models)),
                web.get("/v1/credits", self.entry(Op.BALANCE, self._credits)),
            ]
        )
        app.add_subapp("/evolink", api)

    def error(
        self, status: int, code: str | int | None, message: str | None, param: str | None = None
    ) -> Any:
        """``{error: {code, message, type, param?, request_id}}`` with string codes."""
        usual = _ERRORS.get(status, ("unknown_error", "Unknown error", "api_error"))
        error: dict[str, Any] = {
            "code": usual[0] if code is None else code,
            "message": message or usual[1],
            "type": usual[2],
        }
        if param is not None:
            error["param"] = param
        error["request_id"] = f"req_{secrets.token_hex(8)}"
        return {"error": error}

    def new_task_id(self) -> str:
        """``task-unified-<seconds>-<8 letters>``."""
        tail = "".join(secrets.choice(_LETTERS) for _ in range(8))
        return f"task-unified-{int(self.clock())}-{tail}"

    def key_of(self, request: web.Request) -> str | None:
        """16 to 96 characters of ``[A-Za-z0-9._-]``."""
        key = request.headers.get("Idempotency-Key")
        if key is not None and not _KEY.fullmatch(key):
            raise Refused(
                "Idempotency-Key must be 16 to 96 characters of A-Z a-z 0-9 . _ -",
                param="Idempotency-Key",
                code="invalid_idempotency_key",
            )
        return key

    def submitted(self, request: web.Request, task: Task) -> Any:
        """The task as it was when it was accepted."""
        return self._frame(task, self.spoken("pending"), 0) | {"usage": self._reserved(task)}

    def notice(self, task: Task) -> tuple[str, Any, Manner] | None:
        """To the very address, at every end."""
        url = task.submission.callback_url
        return None if url is None else (url, self.answer(task), EVOLINK)

    async def _models(self, request: web.Request) -> web.Response:
        """No page speaks of a list."""
        raise Refused("Invalid URL (GET /v1/models)", status=404)

    def answer(self, task: Task) -> dict[str, Any]:
        """The task as it is now: what a query returns and what a callback brings."""
        answer = self._frame(task, self.word(task), self.progress(task))
        answer["usage"] = self._reserved(task)
        answer["request_id"] = f"req_{secrets.token_hex(8)}"
        if task.state is State.COMPLETED:
            urls = self.results(task)
            answer["results"] = urls
            answer["result_data"] = [{"video_url": url, "duration": task.length} for url in urls]
            answer["task_info"]["video_duration"] = task.length
            usd = task.charged_micro / 1_000_000
            credits_used = round(usd * CREDITS_PER_USD, 2)
            answer["usage"] |= {
                "credits_used": credits_used,
                "cost": {
                    "credits": credits_used,
                    "usd": round(usd, 6),
                    "cny": round(usd * _CNY_PER_USD, 4),
                },
            }
        elif task.error is not None:
            code, message = _FAILURES[task.error.kind]
            answer["error"] = {
                "code": task.error.code if task.error.code is not None else code,
                "message": task.error.message or message,
                "type": "task_error",
            }
        return answer

    def _frame(self, task: Task, status: str, progress: int) -> dict[str, Any]:
        return {
            "created": int(task.created_at),
            "id": task.id,
            "model": task.submission.model.name,
            "object": "video.generation.task",
            "progress": progress,
            "status": status,
            "task_info": {"can_cancel": False, "estimated_time": self.estimate()},
            "type": "video",
        }

    def _reserved(self, task: Task) -> dict[str, Any]:
        return {
            "billing_rule": "per_token",
            "credits_reserved": round(task.reserved_micro / 1_000_000 * CREDITS_PER_USD, 2),
            "user_group": "default",
        }

    async def _query(self, request: web.Request) -> web.Response:
        task_id = request.match_info["id"]
        request[TASK_ID] = task_id
        task = self.tasks.get(self._checked(task_id))
        if task is None:
            raise Refused("Task not found", status=404, code="task_not_found")
        await self.settled([task])
        return web.json_response(self.answer(task))

    def _checked(self, task_id: Any) -> str:
        if not isinstance(task_id, str) or not task_id.startswith("task-unified-"):
            raise Refused("Invalid task id", code="invalid_task_id", param="task_id")
        return task_id

    async def _batch(self, request: web.Request) -> web.Response:
        body = await self.json(request)
        if not isinstance(body, dict) or set(body) != {"task_ids"}:
            raise Refused("the body must be {task_ids}", param="task_ids")
        ids = body["task_ids"]
        if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_IN_A_BATCH:
            raise Refused(f"task_ids takes 1 to {_MOST_IN_A_BATCH} ids", param="task_ids")
        known = [self.tasks[self._checked(i)] for i in ids if self._checked(i) in self.tasks]
        await self.settled(known)
        return web.json_response({"data": [self.answer(task) for task in known]})

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        for parameter in query:
            if parameter not in {"status", "type", "model", "page", "page_size"}:
                raise Refused(f"unknown parameter {parameter}", param=parameter)
        page = _whole(query.get("page", "1"), "page", 1_000_000)
        size = _whole(query.get("page_size", "20"), "page_size", _MOST_ON_A_PAGE)
        self.book.tick()
        found = [
            task
            for task in reversed(self.tasks.values())
            if query.get("model", task.submission.model.name) == task.submission.model.name
            and query.get("type", "video") == "video"
            and ("status" not in query or query["status"] == self.word(task))
        ]
        shown = found[(page - 1) * size : page * size]
        data = [
            {
                "id": task.id,
                "model": task.submission.model.name,
                "type": "video",
                "status": self.word(task),
                "progress": self.progress(task),
                "created_at": int(task.created_at),
            }
            for task in shown
        ]
        return web.json_response(
            {"data": data, "total": len(found), "page": page, "page_size": size}
        )

    async def _credits(self, request: web.Request) -> web.Response:
        remaining = round(self.balance_usd * CREDITS_PER_USD, 2)
        used = round(self.charged_usd * CREDITS_PER_USD, 2)
        figures = {"remaining_credits": remaining, "used_credits": used}
        token = figures | {"unlimited_credits": False}
        return web.json_response({"success": True, "data": {"user": figures, "token": token}})


def _whole(text: str, parameter: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Refused(f"{parameter} must be 1 to {most}", param=parameter)
    return int(text)
