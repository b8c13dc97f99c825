"""Addresses that lead inside: none is connected to, however it is spelled, named or redirected.

The policies, the resolver and the redirects each have their own tests; here the whole client stands
in its production policy before a trap on this machine that counts who comes.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.app import open_providers
from bot.domain.errors import Accepted, Code, ProviderError
from bot.ops.clock import SystemClock
from bot.providers.addresses import AddressPolicy
from bot.providers.http import HttpClient, Timeouts
from bot.settings import load
from tests.security.conftest import Tally

QUICK = Timeouts(connect=2, submit=2, read=2, idle=2, transfer=2)


@dataclass
class Trap:
    """A listener on loopback, for plain text and TLS alike: whoever connects was let through."""

    port: int = 0
    visits: int = 0

    async def greet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    trap = Trap()
    server = await asyncio.start_server(trap.greet, "127.0.0.1", 0)
    trap.port = server.sockets[0].getsockname()[1]
    async with server:
        yield trap


@dataclass
class Names(AbstractResolver):
    """A resolver as old and obliging as they come, with a few names of an attacker's."""

    known: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    asked: list[str] = field(default_factory=list[str])

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.known.get(host.rstrip(".").lower())
        if found is None:
            try:
                found = [socket.inet_ntoa(socket.inet_aton(host))]
            except OSError:
                raise OSError(None, "no such name") from None
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in found
        ]

    async def close(self) -> None:
        return None


INSIDE = {
    "localhost": ["127.0.0.1"],
    "here.example": ["127.0.0.1"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "unspecified.example": ["0.0.0.0"],
    "six.example": ["::1"],
    "unique.example": ["fd00:ec2::254"],
    "carrier.example": ["100.64.0.1"],
}
SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "0177.0.0.1", "017700000001", "127.0.0.1.", "00000177.0.0.1", "127.00.0.01", "0.0.0.0", "0",
    "127。0。0。1", "①②⑦.⓪.⓪.①", "１２７.０.０.１", "٣", "localhost", "LOCALHOST", "localhost.",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[fe80::1%25lo]", "[::1%25lo]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254",
    "2852039166", "0xa9fea9fe", "[fd00:ec2::254]", "[fe80::1]", "100.100.100.200", "192.0.0.192",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "[ff02::1]", *INSIDE,
]  # fmt: skip
TRICKS = [
    "https://cdn.example.com@127.0.0.1:{port}/a.mp4",
    "https://127.0.0.1:{port}@cdn.example.com/a.mp4",
    "https://cdn.example.com:{port}\\@127.0.0.1:{port}/a.mp4",
    "https://127.0.0.1:{port}\\.cdn.example.com/a.mp4",
    "https://127.0.0.1:{port}#@cdn.example.com/a.mp4",
    "https://127.0.0.1:{port}?@cdn.example.com/a.mp4",
    "https://127.0.0.1%2f.example.com:{port}/a.mp4",
    "https://127.0.0.1%00.example.com:{port}/a.mp4",
    "https:///127.0.0.1:{port}/a.mp4",
    "https:127.0.0.1:{port}/a.mp4",
    "https://[::ffff:127.0.0.1]:{port}]/a.mp4",
    "//127.0.0.1:{port}/a.mp4",
    "\thttps://127.0.0.1:{port}/a.mp4",
    "https://127.0.0.1:{port}/a.mp4\r\nHost: cdn.example.com",
    "http://127.0.0.1:{port}/a.mp4",
    "HTTP://127.0.0.1:{port}/a.mp4",
    "http://cdn.example.com:{port}/a.mp4",
    "ws://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://127.0.0.1:{port}/a.mp4",
    "gopher://127.0.0.1:{port}/_x",
    "dict://127.0.0.1:{port}/x",
    "unix:/run/docker.sock",
    "data:video/mp4;base64,AAAA",
    "javascript:alert(1)",
    "https://",
    "https://" + "a" * 5000 + ".example/",
]


async def refused(client: HttpClient, url: str, target: Path) -> bool:
    """Whether a download came to nothing, told as an address that we do not connect to."""
    try:
        await client.download(url, target, max_bytes=1000)
    except ProviderError as error:
        # What was refused only because nobody answered would have been connected to.
        return error.code is Code.RESULT_BROKEN and error.facts["reason"] == "address"
    return False


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_no_spelling_of_an_inner_address_is_connected_to(
    trap: Trap, tmp_path: Path, tally: Tally, scheme: str
) -> None:
    client = HttpClient(service="x", policy=AddressPolicy(), timeouts=QUICK, resolver=Names(INSIDE))
    async with client:
        for host in SPELLINGS:
            url = f"{scheme}://{host}:{trap.port}/a.mp4"
            tally.refused(url, ok=await refused(client, url, tmp_path / "a"))
    assert trap.visits == 0


async def test_no_trick_with_an_address_works(trap: Trap, tmp_path: Path, tally: Tally) -> None:
    # The name in the tricks leads inside as well: whoever believes in it is caught, too.
    names = Names(INSIDE | {"cdn.example.com": ["127.0.0.1"]})
    client = HttpClient(service="x", policy=AddressPolicy(), timeouts=QUICK, resolver=names)
    async with client:
        for trick in TRICKS:
            url = trick.replace("{port}", str(trap.port))
            tally.refused(url, ok=await refused(client, url, tmp_path / "a"))
    assert trap.visits == 0


async def test_a_paid_post_does_not_go_inside_either(trap: Trap, tally: Tally) -> None:
    client = HttpClient(service="x", policy=AddressPolicy(), timeouts=QUICK, resolver=Names(INSIDE))
    async with client:
        for host in INSIDE:
            with pytest.raises(ProviderError) as caught:
                await client.post_paid(f"https://{host}:{trap.port}/", key="k", body={}, headers={})
            error = caught.value
            tally.refused(host, ok=error.facts["reason"] == "address")
            assert error.accepted is Accepted.NO
    assert trap.visits == 0


@dataclass
class Changing(Names):
    """Answers with a public address first and with this machine from then on."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.known["turn.example"] = ["127.0.0.1"] if self.asked else ["93.184.216.34"]
        return await super().resolve(host, port, family)


async def test_an_answer_that_changes_is_checked_each_time(
    trap: Trap, tmp_path: Path, tally: Tally, attempts_outside: list[str]
) -> None:
    """The address that was checked is the one connected to: the name is not resolved twice."""
    names = Changing()
    client = HttpClient(service="x", policy=AddressPolicy(), timeouts=QUICK, resolver=names)
    url = f"https://turn.example:{trap.port}/a.mp4"
    async with client:
        assert not await refused(client, url, tmp_path / "a")
        assert names.asked == ["turn.example"]
        assert set(attempts_outside) == {"93.184.216.34"}
        attempts_outside.clear()
    names.asked.append("so it changes")
    client = HttpClient(service="x", policy=AddressPolicy(), timeouts=QUICK, resolver=names)
    async with client:
        tally.refused(url, ok=await refused(client, url, tmp_path / "a"))
    assert trap.visits == 0


async def test_loopback_is_open_only_for_a_configured_loopback(
    trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way from the configuration to the HTTP client of each provider."""
    here = f"http://127.0.0.1:{trap.port}"
    for api_url, open_ in (("https://api.evolink.ai", False), (here, True)):
        environ = {
            "RETAKE__PROVIDERS__EVOLINK__API_KEY": "key",
            "RETAKE__PROVIDERS__EVOLINK__API_URL": api_url,
            "RETAKE__MEDIA__DIR": str(tmp_path / "media"),
        }
        monkeypatch.chdir(tmp_path)
        settings = load(None, environ)
        async with open_providers(settings, SystemClock()) as (evolink,):
            with pytest.raises(ProviderError) as caught:
                await evolink.download(f"{here}/a.mp4", tmp_path / "a", max_bytes=1000)
        assert (caught.value.facts["reason"] == "address") is not open_
        assert bool(trap.visits) is open_


@pytest.mark.parametrize("loopback", [False, True])
def test_every_reserved_block_is_closed(tally: Tally, loopback: bool) -> None:
    """The first, the last and a middle address of each block that is not for the public."""
    policy = AddressPolicy(loopback=loopback)
    for block in BLOCKS:
        network = ipaddress.ip_network(block)
        for index in (0, network.num_addresses // 2, network.num_addresses - 1):
            for spelled in spellings(network[index]):
                try:
                    policy.check_address(spelled)
                except OSError:
                    tally.refused(spelled, ok=True)
                else:
                    tally.refused(spelled, ok=False)


def spellings(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[str]:
    if isinstance(address, ipaddress.IPv6Address):
        return [str(address), address.exploded]
    number = int(address)
    tunnels = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    return [str(address), *map(str, tunnels)]


BLOCKS = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "192.88.99.0/24", "168.63.129.16/32", "224.0.0.0/4", "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128", "100::/64", "2001:db8::/32", "2001:1::/32", "3fff::/20", "5f00::/16",
    "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
