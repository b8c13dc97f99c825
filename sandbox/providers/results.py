"""The finished videos, as the gateways hand them out: by an unguessable address, for 24 hours.

Owns the download and the files that are not what they seem. Knows nothing of a gateway's JSON.
"""

import secrets
from collections.abc import Callable, Mapping

from aiohttp import web

from sandbox.providers.api_server import TASK_ID, Download
from sandbox.providers.faults import Op, TaskFault
from sandbox.providers.service import Gateway
from sandbox.providers.submission import Refused
from sandbox.providers.tasks import RESULT_SECONDS, State, Task

_NOT_A_VIDEO = b"<html><body><h1>403 Forbidden</h1></body></html>" * 40


class Results:
    """The downloads of both gateways."""

    def __init__(self, gateways: Mapping[str, Gateway], clock: Callable[[], float]) -> None:
        self._gateways = gateways
        self._clock = clock
        self._by_token: dict[tuple[str, str], Task] = {}

    def mount(self, app: web.Application) -> None:
        """Add /results/{gateway}/{token}.mp4."""
        for gateway in self._gateways.values():
            handler = self._handler(gateway)
            entry = gateway.entry(Op.DOWNLOAD, handler, key_needed=False)
            app.router.add_get(f"/results/{gateway.name}/{{token}}.mp4", entry)

    def publish(self, gateway: Gateway, task: Task) -> None:
        """Make a finished task's address known."""
        self._by_token[gateway.name, task.result] = task

    def _handler(self, gateway: Gateway) -> Callable:
        async def download(request: web.Request) -> web.StreamResponse:
            token = request.match_info["token"]
            task = self._by_token.get((gateway.name, token))
            if task is None or task.file is None or task.state is not State.COMPLETED:
                raise Refused("no such file", status=404)
            request[TASK_ID] = task.id
            if task.finished_at is None or task.finished_at + RESULT_SECONDS <= self._clock():
                raise Refused("the link has expired", status=404)
            if token in task.dead_results:
                self._renew(gateway, task)
                raise Refused("no such file", status=404)
            if task.fate_kind is TaskFault.NOT_A_VIDEO:
                return web.Response(body=_NOT_A_VIDEO, content_type="video/mp4")
            if task.fate_kind is TaskFault.TRUNCATED_FILE:
                body = task.file.read_bytes()
                return web.Response(body=body[: len(body) // 2], content_type="video/mp4")
            return Download(task.file, "video/mp4")

        return download

    def _renew(self, gateway: Gateway, task: Task) -> None:
        """After a dead address was tried, the next query gives a fresh one that works."""
        if task.result in task.dead_results:
            task.result = secrets.token_urlsafe(18)
            self.publish(gateway, task)
