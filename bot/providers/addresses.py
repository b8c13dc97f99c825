"""Where we are willing to connect: public addresses over https, and loopback only where configured.

Owns the judgement of URLs and of resolved addresses. It knows nothing of requests or providers.
Every connection of the HTTP client uses the resolver below, so a name is judged by the very
addresses that are connected to, and a second look-up cannot answer differently.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass

import httpx
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What the standard library's tables leave open, some only in older versions of Python: blocks that
# are not for the public, and where clouds keep what only their own machines should ask.
_CLOSED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.0.0.0/24",  # assigned to protocols; Oracle's metadata
        "192.88.99.0/24",  # relays between IPv4 and IPv6, withdrawn
        "168.63.129.16/32",  # Azure's own services
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
    )
)
# All that was ever given out for the public.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_LONGEST_URL = 8192
_LONGEST_HOST = 253  # RFC 1035, 2.3.4, without the root's dot
_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"(?i)\d+|0x[\da-f]*")


class AddressError(OSError):
    """A URL or an address that must not be connected to. Holds a reason, never the URL itself."""


@dataclass(frozen=True, kw_only=True)
class AddressPolicy:
    """``loopback`` permits this machine itself, also over plain http: for stand-ins and tests."""

    loopback: bool = False

    @classmethod
    def beside(cls, *urls: str) -> "AddressPolicy":
        """The policy for a party with these configured addresses: loopback if any of them is."""
        return cls(loopback=any(is_loopback_host(_parse(url).host) for url in urls if url))

    def check_url(self, url: str) -> httpx.URL:
        """The URL, parsed.

        Raises:
            AddressError: not https (or plain http on permitted loopback), no host, a user name
                or password in it, a literal address that is not permitted, or one that is spelled
                as only old system libraries read it.
        """
        parsed = _parse(url)
        host = parsed.host
        if not host or len(host) > _LONGEST_HOST or parsed.userinfo:
            raise AddressError("no plain host in the address")
        plain = parsed.scheme == "http" and self.loopback and is_loopback_host(host)
        if parsed.scheme != "https" and not plain:
            raise AddressError("not https")
        if _literal(host) is not None:
            self.check_address(host)
        elif _is_numeric(host):
            raise AddressError("a number in the place of a name")
        return parsed

    def check_link(self, url: str) -> httpx.URL:
        """As ``check_url``, for a link that is sent byte for byte.

        Raises:
            AddressError: also where two readers of URLs see different hosts in it.
        """
        parsed = self.check_url(url)
        try:
            sent = yarl.URL(url, encoded=True)
            host, port = (sent.raw_host or "").lower(), sent.port
        except ValueError:
            raise AddressError("not an address") from None
        known = parsed.raw_host.decode("ascii"), parsed.port or _PORTS[parsed.scheme]
        same = (host, port) == known and sent.scheme == parsed.scheme and sent.raw_user is None
        if not same:
            raise AddressError("no plain host in the address")
        return parsed

    def check_address(self, address: str) -> None:
        """Judge one numeric address.

        Raises:
            AddressError: it is not public (and not permitted loopback).
        """
        literal = _literal(address)
        if literal is None:
            raise AddressError("not an address")
        inner = _innermost(literal)
        if inner.is_loopback and self.loopback:
            return
        if not _is_public(inner):
            raise AddressError("not a public address")


class GuardedResolver(AbstractResolver):
    """Name resolution that refuses a name as soon as one of its addresses is not permitted."""

    def __init__(self, policy: AddressPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for entry in found:
            self._policy.check_address(entry["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def _parse(url: str) -> httpx.URL:
    if len(url) > _LONGEST_URL:
        raise AddressError("the address is too long")
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise AddressError("not an address") from None


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return not any(address in block for block in _CLOSED)


def _is_numeric(host: str) -> bool:
    """Whether it ends in a number, as no name does: 2130706433, 127.1 or 0x7f.1 is an address to
    some resolvers, and connections to what looks like one are made without asking ours.
    """
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_loopback_host(host: str) -> bool:
    """Whether a host can only mean this machine."""
    if host == "localhost":
        return True
    literal = _literal(host)
    return literal is not None and _innermost(literal).is_loopback
