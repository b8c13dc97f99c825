"""The operator's proxy: every connection outside goes through it, those to this machine do not.

Owns how a proxy's address is read, the connector that uses it, and what a proxy that does not work
is called. It knows nothing of requests. A proxy resolves names itself, so only addresses written as
numbers can be judged before they are asked for; see SECURITY.md.
"""

import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp import ClientRequest, ClientTimeout
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from aiohttp_socks import (
    ProxyConnectionError,
    ProxyConnector,
    ProxyError,
    ProxyTimeoutError,
    ProxyType,
)
from python_socks import ProxyConnectionError as NoConnection
from python_socks import ProxyError as Refusal
from python_socks import ProxyTimeoutError as Silence
from python_socks.async_.asyncio.v2 import Proxy as Dialler

from bot.providers.addresses import is_loopback_host

_KINDS = {
    "http": (ProxyType.HTTP, 80),
    "https": (ProxyType.HTTP, 443),
    "socks5": (ProxyType.SOCKS5, 1080),
    "socks5h": (ProxyType.SOCKS5, 1080),
}
_DIAL_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, repr=False)
class Proxy:
    """A proxy, with its secrets. Names are resolved there, never here."""

    kind: ProxyType
    secure: bool
    host: str
    port: int
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Read ``scheme://[user:password@]host[:port]``.

        Raises:
            ValueError: it is no such address. The text never holds the address.
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
        """A connector through this proxy, to be made in a running loop.

        Connections to this machine are made directly, with ``resolver``. ``options`` are aiohttp's.
        """
        return _Connector(
            direct=aiohttp.TCPConnector(resolver=resolver, **options),
            host=self.host,
            port=self.port,
            proxy_type=self.kind,
            username=self.username,
            password=self.password,
            proxy_ssl=ssl.create_default_context() if self.secure else None,
            rdns=True,
            **options,
        )

    async def fault(self, host: str, port: int) -> str | None:
        """Why a connection to ``host`` cannot be had through it, in plain words; None if it can."""
        dialler = Dialler(
            proxy_type=self.kind,
            host=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            proxy_ssl=ssl.create_default_context() if self.secure else None,
            rdns=True,
        )
        try:
            stream = await dialler.connect(host, port, timeout=_DIAL_SECONDS)
        except (NoConnection, Silence, Refusal, OSError, EOFError) as error:
            return _words(error)
        await stream.close()
        return None


def _words(error: Exception) -> str:
    """What is wrong, in plain words. The library's own may name the proxy, or hold its secrets."""
    if isinstance(error, NoConnection | ProxyConnectionError):
        return "the proxy cannot be reached"
    if isinstance(error, Silence | ProxyTimeoutError):
        return "the proxy does not answer"
    if isinstance(error, Refusal | ProxyError):
        return "the proxy does not let us through"
    if isinstance(error, ssl.SSLError):
        return "no secure connection could be made through the proxy"
    return "the proxy ended the connection"


class _Connector(ProxyConnector):
    """The library's connector, direct for this machine, with aiohttp's own errors."""

    def __init__(self, *, direct: aiohttp.TCPConnector, **options: Any) -> None:
        super().__init__(**options)
        self._to_this_machine = direct

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        """A connection for the request; none of it was sent when this raises."""
        if is_loopback_host(req.url.host or ""):
            return await self._to_this_machine.connect(req, traces, timeout)
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp.ClientError:
            raise
        except (ProxyConnectionError, ProxyTimeoutError, ProxyError, OSError, EOFError) as error:
            raise aiohttp.ClientProxyConnectionError(
                req.connection_key, OSError(None, _words(error))
            ) from None

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close both pools."""
        await super().close(abort_ssl=abort_ssl)
        await self._to_this_machine.close(abort_ssl=abort_ssl)
