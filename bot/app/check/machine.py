"""The findings about this machine: the media worker, folders, the port, callbacks."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from bot.app.check.findings import Finding, note, ok, problem
from bot.app.errors import cannot_listen
from bot.domain.catalogue import ProviderName
from bot.domain.errors import MediaError
from bot.domain.ids import GenerationId
from bot.media.engine import Engine
from bot.providers.addresses import AddressError, AddressPolicy
from bot.settings import Settings
from bot.web.callbacks import CallbackSigner

MIN_FREE = 2 * 2**30


async def media_worker() -> Finding:
    try:
        async with Engine() as engine:
            versions = await engine.versions()
    except MediaError:
        return problem(
            "The process that opens images and videos doesn't start: install Retake again."
        )
    return ok(f"Images and videos can be opened: {versions}.")


def media_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.media.dir.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK) or _is_read_only(folder):
        yield problem(
            f"{folder} can't be written to: set another [media] dir or fix the folder's"
            " permissions."
        )
        return
    free = shutil.disk_usage(folder).free
    gib = f"{free / 2**30:.1f} GiB"
    if free < MIN_FREE:
        yield problem(f"Only {gib} free for [media] dir: make room, because videos are large.")
    else:
        yield ok(f"{gib} free for [media] dir.")


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def port(settings: Settings) -> Iterator[Finding]:
    """Check whether the HTTP server can listen. No bot may be running."""
    host, port = settings.http.host, settings.http.port
    if not port:
        return
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        needed = settings.http.public_url
        yield (problem if needed else note)(cannot_listen(settings, error))


def callbacks(settings: Settings) -> Iterator[Finding]:
    """Check whether providers will call the address."""
    public_url = settings.http.public_url
    if not public_url:
        return
    signer = CallbackSigner("only its length matters")
    try:
        url = signer.callback_url(public_url, ProviderName("evolink"), GenerationId("0" * 20))
        AddressPolicy.for_urls(settings.providers.evolink.api_url).check_url(url)
    except (AddressError, ValueError) as error:
        yield problem(
            f"No provider will call [http] public_url ({error}): set an https address that the"
            " whole internet can reach, or leave it empty."
        )
        return
    yield ok(f"Providers are asked to call {public_url}; see docs/howto/callbacks.md.")
    if settings.providers.apimart.api_key.get_secret_value() and not settings.http.usual_port:
        yield note(
            "APIMart calls only ports 80 and 443, so it isn't given [http] public_url and is polled"
            " instead; the other providers will call."
        )
