"""Loopback only: requests that name another host, or come from another page, are refused.

Owns one middleware. A page on the internet must not be able to drive what runs on this machine.
"""

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

HOSTS = {"127.0.0.1", "localhost", "::1"}


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """403 unless `Host` is loopback and `Origin`, when there is one, is our own."""
    host = urlsplit(f"//{request.host}").hostname
    if host not in HOSTS:
        return web.json_response({"error": "This server answers loopback only."}, status=403)
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        return web.json_response({"error": "Requests of other pages are refused."}, status=403)
    return await handler(request)
