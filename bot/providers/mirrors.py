"""The addresses of one provider: the same account and the same tasks at each of them.

Owns the order in which they are tried. A call goes to another address only after one to which
nothing was sent, so that even a paid request may be repeated there; it begins with the address that
answered last.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bot.providers.failures import NotSentError

T = TypeVar("T")

API_VERSION = "/v1"


def base_url(url: str, version: str = API_VERSION) -> str:
    """An address to which paths that begin with the version are appended.

    People write it with and without a slash or the version at its end.
    """
    return url.strip().rstrip("/").removesuffix(version).rstrip("/")


class Mirrors:
    """One address, or several of the same API."""

    def __init__(self, urls: str | Sequence[str]) -> None:
        self._urls = [base_url(url) for url in ((urls,) if isinstance(urls, str) else urls)]
        if not self._urls:
            raise ValueError("an API has at least one address")

    async def call(self, path: str, ask: Callable[[str], Awaitable[T]]) -> T:
        """``ask`` the first address that can be connected to for ``path``.

        Raises:
            NotSentError: none of them could be.
        """
        order = list(self._urls)
        for url in order[:-1]:
            try:
                return await ask(url + path)
            except NotSentError:
                self._put_last(url)
        return await ask(order[-1] + path)

    def _put_last(self, url: str) -> None:
        """Two calls that fail at once move an address once each, which changes nothing more."""
        self._urls.remove(url)
        self._urls.append(url)
