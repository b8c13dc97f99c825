"""The finished videos, as the providers hand them out: by an unguessable address, for 24 hours.

Owns the download and the files that are not what they seem. Knows nothing of a provider's JSON.
"""

import secrets
from collections.abc import Callable, Mapping

from aiohttp import web

from sandbox.providers.api_server import TASK_ID, Download
from sandbox.providers.faults import Op, TaskFault
from sandbox.providers.service import Provider
from sandbox.providers.submission import Refused
from sandbox.providers.tasks import RESULT_SECONDS, State, Task

_NOT_A_VIDEO = b"<html><body><h1>403 Forbidden</h1></body></html>" * 40


class Results:
    """The downloads of both providers."""

    def __init__(self, providers: Mapping[str, Provider], clock: Callable[[], float]) -> None:
        self._providers = providers
        self._clock = clock
        self._by_token: dict[tuple[str, str], Task] = {}

    def mount(self, app: web.Application) -> None:
        """Add /results/{provider}/{token}.mp4."""
        for provider in self._providers.values():
            handler = self._handler(provider)
            entry = provider.entry(Op.DOWNLOAD, handler, key_needed=False)
            app.router.add_get(f"/results/{provider.name}/{{token}}.mp4", entry)

    def publish(self, provider: Provider, task: Task) -> None:
        """Make a finished task's address known."""
        self._by_token[provider.name, task.result] = task

    def _handler(self, provider: Provider) -> Callable:
        async def download(request: web.Request) -> web.StreamResponse:
            token = request.match_info["token"]
            task = self._by_token.get((provider.name, token))
            if task is None or task.file is None or task.state is not State.COMPLETED:
                raise Refused("no such file", status=404)
            request[TASK_ID] = task.id
            if task.finished_at is None or task.finished_at + RESULT_SECONDS <= self._clock():
                raise Refused("the link has expired", status=404)
            if token in task.dead_results:
                self._renew(provider, task)
                raise Refused("no such file", status=404)
            if task.fault_kind is TaskFault.NOT_A_VIDEO:
                return web.Response(body=_NOT_A_VIDEO, content_type="video/mp4")
            if task.fault_kind is TaskFault.TRUNCATED_FILE:
                body = task.file.read_bytes()
                return web.Response(body=body[: len(body) // 2], content_type="video/mp4")
            return Download(task.file, "video/mp4")

        return download

    def _renew(self, provider: Provider, task: Task) -> None:
        """After a dead address was tried, the next query gives a fresh one that works."""
        if task.result in task.dead_results:
            task.result = secrets.token_urlsafe(18)
            self.publish(provider, task)
