"""The operator's proxy: all connections go through it, except those to this machine.

Owns the reading of a proxy's address, the connector, and the messages about a proxy that does not
work. A proxy resolves names itself, so only numeric addresses can be checked; see SECURITY.md.
"""

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import aiohttp_socks
import python_socks
from aiohttp import ClientRequest, ClientTimeout
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from python_socks.async_.asyncio.v2 import Proxy as ProxyDialler

from bot.providers.addresses import is_loopback_host

_KINDS = {
    "http": (python_socks.ProxyType.HTTP, 80),
    "https": (python_socks.ProxyType.HTTP, 443),
    "socks5": (python_socks.ProxyType.SOCKS5, 1080),
    "socks5h": (python_socks.ProxyType.SOCKS5, 1080),
}
_DIAL_SECONDS = 10.0
_PROXY_ERRORS = (
    aiohttp_socks.ProxyConnectionError,
    aiohttp_socks.ProxyTimeoutError,
    aiohttp_socks.ProxyError,
    OSError,
    EOFError,
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Proxy:
    """A proxy, with its secrets. It resolves names; this machine does not."""

    kind: python_socks.ProxyType
    secure: bool
    host: str
    port: int
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Read ``scheme://[user:password@]host[:port]``.

        Raises:
            ValueError: the address is invalid. The text never holds the address.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise ValueError("not an address of a proxy") from None
        if parts.scheme not in _KINDS or not parts.hostname:
            raise ValueError("not an address of a proxy")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("a proxy has no path")
        kind, usual_port = _KINDS[parts.scheme]
        return cls(
            kind=kind,
            secure=parts.scheme == "https",
            host=parts.hostname,
            port=usual_port if port is None else port,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def connector(
        self, *, resolver: AbstractResolver | None = None, **options: Any
    ) -> aiohttp.BaseConnector:
        """Return a connector through this proxy; a loop must be running.

        Connections to this machine are direct and use ``resolver``. ``options`` are aiohttp's.
        """
        direct = aiohttp.TCPConnector(resolver=resolver, **options)
        return _Connector(direct=direct, **self._options(), **options)

    async def fault(self, host: str, port: int) -> str | None:
        """Return why the proxy cannot connect to ``host``, in plain words, or None if it can."""
        dialler = ProxyDialler(**self._options())
        try:
            stream = await dialler.connect(host, port, timeout=_DIAL_SECONDS)
        except (python_socks.ProxyError, OSError, EOFError) as error:
            return _words(error)
        await stream.close()
        return None

    def _options(self) -> dict[str, Any]:
        return {
            "proxy_type": self.kind,
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "proxy_ssl": ssl.create_default_context() if self.secure else None,
            "rdns": True,
        }


def _words(error: BaseException) -> str:
    # The library's own texts may name the proxy or hold its secrets.
    if isinstance(error, python_socks.ProxyConnectionError):
        return "the proxy cannot be reached"
    if isinstance(error, python_socks.ProxyTimeoutError):
        return "the proxy does not answer"
    if isinstance(error, python_socks.ProxyError):
        return "the proxy refuses the connection"
    if isinstance(error, ssl.SSLError):
        return "no secure connection could be made through the proxy"
    return "the proxy closed the connection"


class _Connector(aiohttp_socks.ProxyConnector):
    """The library's connector, direct for this machine, with aiohttp's own errors."""

    def __init__(self, *, direct: aiohttp.TCPConnector, **options: Any) -> None:
        super().__init__(**options)
        self._to_this_machine = direct

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        """Return a connection for the request; after an error, nothing was sent."""
        if is_loopback_host(req.url.host or ""):
            return await self._to_this_machine.connect(req, traces, timeout)
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp.ClientError:
            raise
        except _PROXY_ERRORS as error:
            # The library wraps python_socks's errors.
            raise aiohttp.ClientProxyConnectionError(
                req.connection_key, OSError(None, _words(error.__cause__ or error))
            ) from None

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close both pools."""
        await super().close(abort_ssl=abort_ssl)
        await self._to_this_machine.close(abort_ssl=abort_ssl)
