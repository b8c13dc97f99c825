"""The chat page: plain files for the browser, served as they are.

Owns the page's own paths and the content policy under which it must work: nothing from elsewhere,
no inline script or style. Must not know Discord, the providers or the control interface; the page
talks to them from the browser.
"""

from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'self'; media-src 'self' blob:; img-src 'self' data: blob:; style-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The files change with the checkout: the browser asks each time and is told 304.
    "Cache-Control": "no-cache",
}
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def mount(app: web.Application) -> None:
    """Adds `/` and `/page/…`."""
    app.router.add_get("/", _index)
    app.router.add_get("/page/{path:.+}", _file)


async def _index(request: web.Request) -> web.FileResponse:
    return web.FileResponse(
        FOLDER / "index.html", headers=HEADERS | {"Content-Type": "text/html; charset=utf-8"}
    )


async def _file(request: web.Request) -> web.FileResponse:
    path = (FOLDER / request.match_info["path"]).resolve()
    if not path.is_relative_to(FOLDER) or path.suffix not in TYPES or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers=HEADERS | {"Content-Type": TYPES[path.suffix]})
