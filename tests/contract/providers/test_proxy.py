"""The operator's proxy: everything outside goes through it, nothing around it, secrets stay inside.

The names here exist nowhere: only the proxy can have brought a request to its server.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers import transport
from bot.providers.addresses import AddressPolicy
from bot.providers.http import HttpClient, Timeouts
from bot.providers.proxy import Proxy
from tests.proxies import PASSWORD, USER, ProxyServer, proxying

PEM = Path(__file__).parent / "tls" / "provider.example.pem"
QUICK = Timeouts(connect=5, submit=5, read=5, idle=5, transfer=5)
SECRETS = "mira:p%40ss%3Aw0rd@"
KEY = "sk-key-of-the-client-0123456789"


@dataclass
class Provider:
    """A server with a certificate for provider.example; ``seen`` are the paths it was asked."""

    port: int = 0
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.path}")
        if request.path == "/moved.mp4":
            return web.Response(status=302, headers={"Location": "https://cdn.example/film.mp4"})
        return web.json_response({"fine": True})


def certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    trusting = ssl.create_default_context(cafile=PEM)
    monkeypatch.setattr(transport, "_tls", lambda: trusting)
    made = Provider()
    runner = web.ServerRunner(web.Server(made.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate()).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


def client(proxy: str, *, loopback: bool = False) -> HttpClient:
    return HttpClient(
        service="test",
        policy=AddressPolicy(loopback=loopback),
        timeouts=QUICK,
        proxy=Proxy.parse(proxy),
    )


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("secrets", ["", SECRETS])
async def test_every_kind_of_call_goes_through_it(
    provider: Provider, tmp_path: Path, scheme: str, secrets: str
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"picture")
    async with proxying(provider.port, password_needed=bool(secrets)) as proxy:
        async with client(proxy.url(scheme, secrets=secrets)) as http:
            base = "https://provider.example"
            assert (await http.get(f"{base}/read", key=KEY)).body == {"fine": True}
            await http.post(f"{base}/ask", key=KEY, body={})
            await http.post_paid(f"{base}/buy", key=KEY, body={}, headers={})
            await http.upload(f"{base}/up", key=KEY, file=file, name="a.png", mime="image/png")
            await http.download(f"{base}/film.mp4", tmp_path / "film", max_bytes=100)
        assert set(proxy.asked) == {"provider.example:443"}
    assert provider.seen == ["GET /read", "POST /ask", "POST /buy", "POST /up", "GET /film.mp4"]


async def test_a_proxy_behind_a_certificate(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=PEM)
    trusting.check_hostname = False
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    async with proxying(provider.port, tls=certificate()) as proxy:
        async with client(proxy.url("https")) as http:
            assert (await http.get("https://provider.example/read", key=KEY)).body == {"fine": True}
        assert proxy.asked == ["provider.example:443"]


async def test_where_a_redirect_leads_is_asked_of_it_too(
    provider: Provider, tmp_path: Path
) -> None:
    async with proxying(provider.port) as proxy:
        async with client(proxy.url("socks5")) as http:
            with pytest.raises(ProviderError):  # the certificate is not cdn.example's
                await http.download(
                    "https://provider.example/moved.mp4", tmp_path / "film", max_bytes=100
                )
        assert proxy.asked == ["provider.example:443", "cdn.example:443"]


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.7/x",
        "https://169.254.169.254/x",
        "https://[::1]/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://2130706433/x",
        "http://provider.example/x",
    ],
)
async def test_what_is_not_public_is_refused_before_the_proxy(provider: Provider, url: str) -> None:
    async with proxying(provider.port) as proxy:
        async with client(proxy.url("socks5")) as http:
            with pytest.raises(ProviderError) as caught:
                await http.get(url, key=KEY)
        assert caught.value.facts["reason"] == "address"
        assert proxy.asked == []


async def test_this_machine_is_reached_directly(provider: Provider) -> None:
    async with proxying(9) as proxy:
        async with client(proxy.url("http"), loopback=True) as http:
            with pytest.raises(ProviderError):  # the certificate is not for 127.0.0.1
                await http.get(f"https://127.0.0.1:{provider.port}/read", key=KEY)
            plain = await asyncio.start_server(_fine, "127.0.0.1", 0)
            port = plain.sockets[0].getsockname()[1]
            async with plain:
                for host in ("127.0.0.1", "localhost"):
                    answer = await http.get(f"http://{host}:{port}/read", key=KEY)
                    assert answer.status == 200
        assert proxy.asked == []


async def _fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    writer.close()


async def broken(case: str, proxy: ProxyServer) -> str:
    """The address of a proxy that does not work."""
    if case == "nobody there":
        free = await asyncio.start_server(_fine, "127.0.0.1", 0)
        port = free.sockets[0].getsockname()[1]
        free.close()
        return f"socks5://{SECRETS}127.0.0.1:{port}"
    wrong = proxy.url("http" if "http" in case else "socks5", secrets="mira:wrong-s3cret@")
    return wrong if "password" in case else proxy.url("socks5")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nobody there", "the proxy cannot be reached"),
        ("a wrong http password", "the proxy refuses the connection"),
        ("a wrong socks5 password", "the proxy refuses the connection"),
        ("no password", "the proxy refuses the connection"),
    ],
)
async def test_a_proxy_that_does_not_work_took_nothing_and_reveals_nothing(
    provider: Provider, case: str, words: str
) -> None:
    async with proxying(provider.port, password_needed=True) as proxy:
        url = await broken(case, proxy)
        assert await Proxy.parse(url).fault("provider.example", 443) == words
        async with client(url) as http:
            with pytest.raises(ProviderError) as caught:
                await http.post_paid("https://provider.example/buy", key=KEY, body={}, headers={})
        error = caught.value
        assert (error.code, error.accepted) == (Code.PROVIDER_UNAVAILABLE, Accepted.NO)
        assert error.retryable
        assert error.__cause__ is None
        for secret in (PASSWORD, "wrong-s3cret", "p%40ss", USER):
            assert secret not in f"{error} {error.facts}"
        assert proxy.asked == []
    assert provider.seen == []


async def test_a_proxy_that_works_has_no_fault(provider: Provider) -> None:
    async with proxying(provider.port) as proxy:
        assert await Proxy.parse(proxy.url("http")).fault("provider.example", 443) is None
        assert proxy.asked == ["provider.example:443"]


@pytest.mark.parametrize(
    "url",
    ["", "proxy", "ftp://a:1", "socks4://a:1", "http://", "http://a:99999", "http://a/b", "://"],
)
def test_what_is_no_address_of_a_proxy(url: str) -> None:
    with pytest.raises(ValueError, match="proxy"):
        Proxy.parse(url)


def test_secrets_are_read_as_they_are_meant_and_never_shown() -> None:
    proxy = Proxy.parse(f"socks5://{SECRETS}proxy.example")
    assert (proxy.username, proxy.password, proxy.port) == (USER, PASSWORD, 1080)
    assert PASSWORD not in repr(proxy)
    assert Proxy.parse("http://proxy.example").port == 80
    assert Proxy.parse("https://proxy.example").port == 443
