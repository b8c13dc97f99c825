"""Uploaded files: kept for 72 hours under an address nobody can guess, served, removed.

Owns the files and their expiry, and how an upload is read. The answers' JSON is the providers'.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import BodyPartReader, web

from sandbox.providers.api_server import Download
from sandbox.providers.rules import UploadRule
from sandbox.providers.submission import Refused


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file as it was sent."""

    name: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A file that is kept. ``expires_at`` in seconds of the clock."""

    token: str
    name: str
    kind: str
    size: int
    path: Path
    created_at: float
    expires_at: float


class Hosting:
    """The files of one service."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._files: dict[str, Hosted] = {}

    def keep(self, upload: Upload, rule: UploadRule) -> Hosted:
        """Keep an upload, refused when of a wrong kind, too large or one too many."""
        kind = kind_of(upload.body)
        if kind is None or kind not in rule.kinds:
            raise Refused(
                f"unsupported file type, takes {', '.join(sorted(rule.kinds))}", param="file"
            )
        if len(upload.body) > rule.most_bytes:
            raise Refused(f"the file exceeds {rule.most_bytes} bytes", status=413, param="file")
        if len(self.files()) >= rule.most_files:
            raise Refused("file quota exhausted", status=403, code="quota_exceeded")
        token = secrets.token_urlsafe(12)
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / token
        path.write_bytes(upload.body)
        now = self._clock()
        hosted = Hosted(
            token=token,
            name=_safe(upload.name) or f"file.{kind.partition('/')[2]}",
            kind=kind,
            size=len(upload.body),
            path=path,
            created_at=now,
            expires_at=now + rule.kept_seconds,
        )
        self._files[token] = hosted
        return hosted

    def files(self) -> list[Hosted]:
        """Every file that has not expired."""
        now = self._clock()
        return [hosted for hosted in self._files.values() if hosted.expires_at > now]

    def remove(self, token: str) -> bool:
        """Remove a file; False when there is none."""
        hosted = self._files.pop(token, None)
        if hosted is not None:
            hosted.path.unlink(missing_ok=True)
        return hosted is not None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hand out a file by its token."""
        hosted = self._files.get(request.match_info["token"])
        if hosted is None or hosted.expires_at <= self._clock():
            raise Refused("file not found or expired", status=404)
        return Download(hosted.path, hosted.kind)


async def uploaded(request: web.Request, rule: UploadRule) -> Upload:
    """The ``file`` of a multipart body."""
    if request.content_type != "multipart/form-data":
        raise Refused("Content-Type must be multipart/form-data")
    reader = await request.multipart()
    upload = None
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise Refused("nested multipart is not supported")
        if part.name not in {"file", "upload_path", "uploadPath", "file_name", "fileName"}:
            raise Refused(f"unknown field {part.name}", param=part.name)
        body = bytearray()
        while piece := await part.read_chunk(1 << 16):
            body += piece
            if len(body) > rule.most_bytes:
                raise Refused(f"the file exceeds {rule.most_bytes} bytes", status=413, param="file")
        if part.name == "file":
            upload = Upload(name=part.filename or "", body=bytes(body))
    if upload is None or not upload.body:
        raise Refused("file is required", param="file")
    return upload


def kind_of(body: bytes) -> str | None:
    """The MIME type by the first bytes."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "video/mp4" if body[4:8] == b"ftyp" else None


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in Path(name).name)[-80:]
