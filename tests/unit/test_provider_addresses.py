"""Where we connect: public addresses over https, loopback where it is configured, nowhere else."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.providers.addresses import AddressError, AddressPolicy, GuardedResolver

PUBLIC = AddressPolicy()
HERE = AddressPolicy(loopback=True)

PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:0a00:0001::1",
]
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK, "not-an-address", ""])
def test_nothing_private_is_public(address: str) -> None:
    with pytest.raises(AddressError):
        PUBLIC.check_address(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_permitted_loopback_opens_nothing_else(address: str) -> None:
    with pytest.raises(AddressError):
        HERE.check_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_pass(address: str) -> None:
    PUBLIC.check_address(address)
    HERE.check_address(address)


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_passes_where_permitted(address: str) -> None:
    HERE.check_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.mp4",
        "https://user:password@example.com/a.mp4",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://127.0.0.1/",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "data:video/mp4;base64,AAAA",
        "//example.com/a",
        "https://",
        "",
        "https://" + "a" * 5000,
        "https://example.com/" + "a" * 9000,
        "https://[::1",
        "https://exa\nmple.com/",
    ],
)
def test_only_plain_https_urls_pass(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        PUBLIC.check_url(url)
    assert "example" not in str(caught.value)


def test_plain_http_is_for_loopback_alone() -> None:
    assert HERE.check_url("http://127.0.0.1:8900/results/a.mp4").port == 8900
    assert HERE.check_url("http://localhost:8900/").host == "localhost"
    assert HERE.check_url("https://cdn.example.com/a.mp4").host == "cdn.example.com"
    for url in ("http://cdn.example.com/a.mp4", "http://10.0.0.1/", "http://localhost.example/"):
        with pytest.raises(AddressError):
            HERE.check_url(url)


def test_the_policy_follows_the_configured_address() -> None:
    assert AddressPolicy.for_urls("http://127.0.0.1:8900/evolink") == HERE
    assert AddressPolicy.for_urls("http://[::1]:8900") == HERE
    assert AddressPolicy.for_urls("http://localhost:1", "https://x.example") == HERE
    assert AddressPolicy.for_urls("https://api.evolink.ai", "") == PUBLIC


class Names(AbstractResolver):
    """Answers with the addresses given."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        return None


async def test_a_name_is_checked_by_what_it_resolves_to() -> None:
    found = await GuardedResolver(PUBLIC, Names("8.8.8.8")).resolve("cdn.example.com", 443)
    assert [entry["host"] for entry in found] == ["8.8.8.8"]
    for addresses in (("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("::ffff:169.254.169.254",)):
        with pytest.raises(AddressError):
            await GuardedResolver(PUBLIC, Names(*addresses)).resolve("cdn.example.com", 443)
