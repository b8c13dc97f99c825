"""The addresses of one provider, each of which serves the same account and tasks.

Owns the order in which they are tried, starting with the one that answered last. A call goes to the
next address only if nothing was sent to the previous one, so a paid request may be repeated too.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bot.providers.transport_errors import NotSentError

T = TypeVar("T")

API_VERSION = "/v1"


def base_url(url: str, version: str = API_VERSION) -> str:
    """Return an address without a slash or the version at its end.

    Paths that begin with the version are appended to it.
    """
    return url.strip().rstrip("/").removesuffix(version).rstrip("/")


class Mirrors:
    """One or several addresses of one API."""

    def __init__(self, urls: str | Sequence[str]) -> None:
        self._urls = [base_url(url) for url in ((urls,) if isinstance(urls, str) else urls)]
        if not self._urls:
            raise ValueError("an API has at least one address")

    async def call(self, path: str, send: Callable[[str], Awaitable[T]]) -> T:
        """Send a call to the first address that accepts a connection.

        Raises:
            NotSentError: none of them does.
        """
        order = list(self._urls)
        for url in order[:-1]:
            try:
                return await send(url + path)
            except NotSentError:
                self._put_last(url)
        return await send(order[-1] + path)

    def _put_last(self, url: str) -> None:
        # Two calls may fail at once: the second changes nothing.
        self._urls.remove(url)
        self._urls.append(url)
