"""EvoLink's files service: uploads by stream, base64 or URL, kept for 72 hours.

Owns the service's paths and JSON (its own success shape); the files are `hosting`'s.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.providers import rules
from sandbox.providers.evolink import EvoLink
from sandbox.providers.faults import Op
from sandbox.providers.hosting import Hosted, Hosting, Upload, uploaded
from sandbox.providers.submission import Refused, decoded

_RULE = rules.EVOLINK_UPLOADS


class EvoLinkFiles:
    """The stand-in for files-api.evolink.ai; keys, faults and calls are shared with the API."""

    def __init__(self, evolink: EvoLink, hosting: Hosting, base_url: Callable[[], str]) -> None:
        self._evolink = evolink
        self._hosting = hosting
        self._base_url = base_url

    def mount(self, app: web.Application) -> None:
        """Add the service under /evolink-files."""
        entry = self._evolink.entry
        api = web.Application(middlewares=[self._evolink.strangers])
        api.add_routes(
            [
                web.post("/api/v1/files/upload/stream", entry(Op.UPLOAD, self._stream)),
                web.post("/api/v1/files/upload/base64", entry(Op.UPLOAD, self._base64)),
                web.post("/api/v1/files/upload/url", entry(Op.UPLOAD, self._url)),
                web.get("/api/v1/files/quota", entry(Op.BALANCE, self._quota)),
                web.delete("/api/v1/files/{id}", entry(Op.UPLOAD, self._delete)),
                web.get(
                    "/files/{token}/{name}",
                    entry(Op.DOWNLOAD, self._hosting.serve, key_needed=False),
                ),
            ]
        )
        app.add_subapp("/evolink-files", api)

    async def _stream(self, request: web.Request) -> web.Response:
        return self._kept(await uploaded(request, _RULE))

    async def _base64(self, request: web.Request) -> web.Response:
        body = await self._fields(request, "base64_data")
        data = decoded(body["base64_data"], "base64_data")
        return self._kept(Upload(name=str(body.get("file_name", "")), body=data))

    async def _url(self, request: web.Request) -> web.Response:
        body = await self._fields(request, "file_url")
        url = body["file_url"]
        if not url.startswith(("http://", "https://")):
            raise Refused("file_url must be an http(s) URL", param="file_url")
        data = await self._evolink.fetcher.bytes_of(url, _RULE.most_bytes, "file_url")
        return self._kept(Upload(name=str(body.get("file_name", "")), body=data))

    async def _fields(self, request: web.Request, needed: str) -> dict[str, Any]:
        body = await self._evolink.json(request)
        if not isinstance(body, dict) or set(body) - {needed, "upload_path", "file_name"}:
            raise Refused(f"the body takes {needed}, upload_path and file_name")
        if not isinstance(body.get(needed), str) or not body[needed]:
            raise Refused(f"{needed} is required", param=needed)
        return body

    def _kept(self, upload: Upload) -> web.Response:
        hosted = self._hosting.keep(upload, _RULE)
        return self._success("File uploaded successfully", self._described(hosted))

    def _described(self, hosted: Hosted) -> dict[str, Any]:
        url = f"{self._base_url()}/evolink-files/files/{hosted.token}/{hosted.name}"
        return {
            "file_id": f"file_{hosted.token}",
            "file_name": hosted.name,
            "original_name": hosted.name,
            "file_size": hosted.size,
            "mime_type": hosted.kind,
            "upload_path": hosted.kind.partition("/")[0] + "s",
            "file_url": url,
            "download_url": url,
            "upload_time": _iso(hosted.created_at),
            "expires_at": _iso(hosted.expires_at),
        }

    async def _quota(self, request: web.Request) -> web.Response:
        used = len(self._hosting.files())
        figures = {
            "user_group": "default",
            "used_files": used,
            "max_files": _RULE.most_files,
            "remain_files": _RULE.most_files - used,
            "is_custom": False,
            "quota_reason": "",
        }
        return self._success("ok", figures)

    async def _delete(self, request: web.Request) -> web.Response:
        file_id = request.match_info["id"]
        if not self._hosting.remove(file_id.removeprefix("file_")):
            raise Refused("File not found", status=404, code="file_not_found")
        return self._success("File deleted successfully", None)

    def _success(self, message: str, data: Any) -> web.Response:
        return web.json_response({"success": True, "code": 200, "msg": message, "data": data})


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
