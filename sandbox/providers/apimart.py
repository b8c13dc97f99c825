"""APIMart: its API as the page and the official client describe it.

Owns APIMart's paths, JSON and error words, its image uploads and its account of what was spent.
Tasks, money and faults are the common provider's.
"""

import secrets
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from sandbox.providers import rules
from sandbox.providers.api_server import TASK_ID
from sandbox.providers.callbacks import APIMART, Manner
from sandbox.providers.faults import Op, TaskFault
from sandbox.providers.hosting import Hosting, uploaded
from sandbox.providers.service import Provider
from sandbox.providers.submission import Refused
from sandbox.providers.tasks import RESULT_SECONDS, State, Task

CREDITS_PER_USD = 10
NEW_ANSWERS = "2026-07-27"
"""The value of X-APIMart-Response-Version that asks for the newer answer to a submit."""

_LONGEST_USAGE = 31 * 86_400
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("Invalid request parameters", "invalid_request_error"),
    401: ("Authentication failed. Please check your API key", "authentication_error"),
    402: ("Insufficient account balance. Please recharge and try again", "payment_required"),
    403: ("Access denied", "permission_error"),
    404: ("Not found", "not_found_error"),
    405: ("Method not allowed", "invalid_request_error"),
    409: ("Idempotency conflict", "invalid_request_error"),
    413: ("File too large", "invalid_request_error"),
    429: ("Too many requests. Please try again later", "rate_limit_error"),
    500: ("Internal server error", "server_error"),
    502: ("Bad gateway", "server_error"),
    503: ("Service unavailable", "server_error"),
}
_FAILURES: dict[TaskFault, tuple[int, str, str]] = {
    TaskFault.MODERATION: (
        400,
        "The content was rejected by the safety system (content policy violation)",
        "invalid_request_error",
    ),
    TaskFault.FAIL: (500, "Video generation failed", "server_error"),
    TaskFault.CANCEL: (400, "The task was cancelled", "cancelled"),
}


class APIMart(Provider):
    """The stand-in for api.apimart.ai."""

    name: ClassVar[str] = "apimart"
    title: ClassVar[str] = "APIMart"
    models: ClassVar = rules.APIMART
    key_reused: ClassVar = "idempotency_key_reused"

    def mount(self, app: web.Application, hosting: Hosting) -> None:
        """Add the API under /apimart."""
        self._hosting = hosting
        api = web.Application(middlewares=[self.strangers])
        api.add_routes(
            [
                web.post("/v1/videos/generations", self.entry(Op.SUBMIT, self.submit)),
                web.get("/v1/tasks/{id}", self.entry(Op.QUERY, self._query)),
                web.get("/v1/user/balance", self.entry(Op.BALANCE, self._balance)),
                web.get("/v1/usage", self.entry(Op.USAGE, self._usage)),
                web.get("/v1/models", self.entry(Op.MODELS, self._models)),
                web.post("/v1/uploads/images", self.entry(Op.UPLOAD, self._upload)),
                web.get(
                    "/files/{token}/{name}",
                    self.entry(Op.DOWNLOAD, hosting.serve, key_needed=False),
                ),
            ]
        )
        app.add_subapp("/apimart", api)

    def error(
        self, status: int, code: str | int | None, message: str | None, param: str | None = None
    ) -> Any:
        """``{error: {code, message, type}}``, integer codes; with status 200 the other shape."""
        if status == 200:
            return {"success": False, "message": message or "request failed"}
        usual = _ERRORS.get(status, ("Server error", "server_error"))
        plain = usual[0] if message is None or message == "" else message
        return {
            "error": {"code": status if code is None else code, "message": plain, "type": usual[1]}
        }

    def new_task_id(self) -> str:
        """``task_`` and a ULID."""
        number = int(self.clock() * 1000)
        head = "".join(_CROCKFORD[number >> 5 * n & 31] for n in range(9, -1, -1))
        return f"task_{head}{''.join(secrets.choice(_CROCKFORD) for _ in range(16))}"

    def key_of(self, request: web.Request) -> str | None:
        """1 to 191 visible ASCII characters."""
        key = request.headers.get("Idempotency-Key")
        if key is not None and not (1 <= len(key) <= 191 and all("!" <= c <= "~" for c in key)):
            raise Refused("Idempotency-Key must be 1 to 191 visible ASCII characters")
        return key

    def submitted(self, request: web.Request, task: Task) -> Any:
        """The page's list, or the newer object when the request asks for it."""
        word = self.spoken("submitted")
        if request.headers.get("X-APIMart-Response-Version") == NEW_ANSWERS:
            return {
                "request_id": f"req_{secrets.token_hex(8)}",
                "data": {"object": "video.generation", "id": task.id, "status": word},
            }
        return {"code": 200, "data": [{"status": word, "task_id": task.id}]}

    def answer(self, task: Task) -> dict[str, Any]:
        """The task as it is now."""
        data: dict[str, Any] = {
            "id": task.id,
            "status": self.word(task),
            "progress": self.progress(task),
            "created": int(task.created_at),
            "estimated_time": self.estimate(),
        }
        if task.finished_at is not None:
            data["completed"] = int(task.finished_at)
            data["actual_time"] = round(task.finished_at - task.created_at)
        if task.state is State.COMPLETED and task.finished_at is not None:
            usd = task.charged_micro / 1_000_000
            data["cost"] = round(usd, 6)
            data["credits_cost"] = round(usd * CREDITS_PER_USD, 4)
            expires = int(task.finished_at + RESULT_SECONDS)
            string = self.settings.url_as_string
            data["result"] = {
                "videos": [
                    {"url": url if string else [url], "expires_at": expires}
                    for url in self.results(task)
                ]
            }
        elif task.error is not None:
            code, message, kind = _FAILURES[task.error.kind]
            data["cost"] = 0
            data["credits_cost"] = 0
            data["error"] = {
                "code": task.error.code if task.error.code is not None else code,
                "message": task.error.message or message,
                "type": kind,
            }
        return {"code": 200, "data": data}

    def notice(self, task: Task) -> tuple[str, Any, Manner] | None:
        """To the base address with ``/callback`` behind it; a cancelled task is not reported."""
        base = task.submission.webhook
        if base is None or task.state not in {State.COMPLETED, State.FAILED}:
            return None
        return f"{base.rstrip('/')}/callback", self.answer(task), APIMART

    async def _query(self, request: web.Request) -> web.Response:
        request[TASK_ID] = request.match_info["id"]
        task = self.tasks.get(request.match_info["id"])
        if task is None:
            raise Refused("Task not found", status=404)
        await self.settled([task])
        return web.json_response(self.answer(task))

    async def _balance(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "success": True,
                "remain_balance": round(self.balance_usd, 6),
                "used_balance": round(self.charged_usd, 6),
                "unlimited_quota": False,
            }
        )

    async def _usage(self, request: web.Request) -> web.Response:
        """What was charged for the tasks that were completed in a time; failed ones are not in."""
        start, end = (_moment(request.query.get(name)) for name in ("start", "end"))
        if start is None or end is None or start >= end:
            raise Refused("invalid range", code="invalid_range")
        if end - start > _LONGEST_USAGE:
            raise Refused("at most 31 days", code="range_too_large")
        done = [
            task
            for task in self.tasks.values()
            if task.state is State.COMPLETED and start <= (task.finished_at or 0) < end
        ]
        usd = sum(task.charged_micro for task in done) / 1_000_000
        total = {
            "amount_usd": round(usd, 6),
            "credits": round(usd * CREDITS_PER_USD, 5),
            "requests": len(done),
            "prompt_tokens": 0,
            "completion_tokens": 0,
        }
        return web.json_response({"success": True, "data": {"total": total, "items": []}})

    async def _models(self, request: web.Request) -> web.Response:
        listed = [
            {"id": name, "object": "model", "owned_by": "google"}
            for name in self.models
            if name not in self.settings.denied_models
        ]
        return web.json_response({"object": "list", "data": listed})

    async def _upload(self, request: web.Request) -> web.Response:
        upload = await uploaded(request, rules.APIMART_UPLOADS)
        hosted = self._hosting.keep(upload, rules.APIMART_UPLOADS)
        return web.json_response(
            {
                "url": f"{self.base_url}/apimart/files/{hosted.token}/{hosted.name}",
                "filename": hosted.name,
                "content_type": hosted.kind,
                "bytes": hosted.size,
                "created_at": int(self.clock()),
            }
        )


def _moment(text: str | None) -> float | None:
    """Unix seconds, or a time as RFC 3339 writes it."""
    if text is None:
        return None
    if text.isdigit():
        return float(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
