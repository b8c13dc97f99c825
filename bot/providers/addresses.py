"""Allowed addresses: public ones over https, and loopback if an address is configured there.

Owns the checks of URLs and of resolved addresses. Every connection of the HTTP client uses the
resolver below, so the addresses that are checked are those that are connected to: there is no
second look-up with another result.
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
# Blocks that the standard library counts as public, some only in older versions of Python, but that
# are reserved, or that clouds use for services of their own machines.
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
# All public unicast addresses are in this block.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_MAX_URL = 8192
_MAX_HOST = 253  # RFC 1035, 2.3.4, without the root's dot
_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"(?i)\d+|0x[\da-f]*")


class AddressError(OSError):
    """A URL or an address is not allowed. The text is a reason, never the URL itself."""


@dataclass(frozen=True, kw_only=True)
class AddressPolicy:
    """``loopback`` allows this machine too, also over plain http: for stand-ins and tests."""

    loopback: bool = False

    @classmethod
    def for_urls(cls, *urls: str) -> "AddressPolicy":
        """Return the policy of a service with these addresses: loopback is allowed if one is."""
        return cls(loopback=any(is_loopback_host(_parse(url).host) for url in urls if url))

    def check_url(self, url: str) -> httpx.URL:
        """Return the parsed URL.

        Raises:
            AddressError: it is not https (or plain http on an allowed loopback), it has no host or
                has a user name or password, or its host is an address that is not allowed or is
                written in a form that only old system libraries read.
        """
        parsed = _parse(url)
        host = parsed.host
        if not host or len(host) > _MAX_HOST or parsed.userinfo:
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
            AddressError: also if two URL parsers find different hosts in it.
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
        """Check one numeric address.

        Raises:
            AddressError: it is neither public nor an allowed loopback.
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
    """Name resolution that refuses a name if one of its addresses is not allowed."""

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
    if len(url) > _MAX_URL:
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
    # No name ends in a number, but some resolvers read 2130706433, 127.1 or 0x7f.1 as an address,
    # and aiohttp connects to these without asking our resolver.
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one contains, or the address itself."""
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
    """Return True if a host can only mean this machine."""
    if host == "localhost":
        return True
    literal = _literal(host)
    return literal is not None and _innermost(literal).is_loopback
