"""The addresses of a provider: however they are written, and where one of several is away."""

import socket
from contextlib import closing

import pytest

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ports.provider import InformedProvider
from bot.providers.addresses import AddressPolicy
from bot.providers.apimart import ApiMart
from bot.providers.evolink import EvoLink
from bot.providers.http import HttpClient
from bot.providers.mirrors import Mirrors, base_url
from bot.providers.transport_errors import NotSentError
from tests.contract.providers.adapter_harness import EVOLINK, PATIENT, AdapterHarness


def adapter(harness: AdapterHarness, client: HttpClient, ending: str) -> InformedProvider:
    """The harness's adapter, with its addresses written another way."""
    given = {
        "api_key": harness.key,
        "http": client,
        "media_root": harness.root,
        "clock": harness.time,
    }
    if harness.name == EVOLINK:
        files = f"{harness.bench.url}/evolink-files/api{ending}"
        return EvoLink(api_url=f"{harness.bench.url}/evolink{ending}", files_url=files, **given)
    return ApiMart(api_url=f"{harness.bench.url}/apimart{ending}", **given)


def opened(harness: AdapterHarness) -> HttpClient:
    policy = AddressPolicy.for_urls(harness.bench.url)
    return HttpClient(service=harness.name, policy=policy, timeouts=PATIENT)


def apimart_at(harness: AdapterHarness, client: HttpClient, *urls: str) -> ApiMart:
    return ApiMart(
        api_url=urls, api_key=harness.key, http=client, media_root=harness.root, clock=harness.time
    )


def nowhere() -> str:
    """An address where nobody listens."""
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}/apimart"


@pytest.mark.parametrize("ending", ["/v1", "/v1/", "/v1//"])
async def test_an_address_may_end_with_the_version(harness: AdapterHarness, ending: str) -> None:
    async with opened(harness) as client:
        provider = adapter(harness, client, ending)
        spec = harness.spec(Mode.IMAGE, model="omni-flash-1.1", images=(harness.image(),))
        taken = await provider.submit(await provider.prepare(spec), key="retake-generation-1")
        assert (await provider.query(taken.task_id)).task_id == taken.task_id
        assert (await provider.balance()).micro_usd
    assert harness.upload_count == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://api.example", "https://api.example"),
        (" https://api.example/ ", "https://api.example"),
        ("https://api.example/v1", "https://api.example"),
        ("https://api.example/proxy/v1/", "https://api.example/proxy"),
        ("https://api.example/v1beta", "https://api.example/v1beta"),
    ],
)
def test_what_an_address_means(written: str, meant: str) -> None:
    assert base_url(written) == meant


async def test_another_mirror_is_asked_where_the_first_is_away(apimart: AdapterHarness) -> None:
    here = f"{apimart.bench.url}/apimart"
    async with opened(apimart) as client:
        provider = apimart_at(apimart, client, nowhere(), here)
        spec = apimart.spec(Mode.IMAGE, images=(apimart.image(),))
        prepared = await provider.prepare(spec)
        for away in (nowhere(), nowhere()):
            provider = apimart_at(apimart, client, away, here)
            taken = await provider.submit(prepared, key="retake-generation-1")
        assert (await provider.query(taken.task_id)).task_id == taken.task_id
    assert len(apimart.standin.paid) == 1


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
async def test_a_paid_request_that_was_sent_goes_nowhere_else(
    apimart: AdapterHarness, fault: str
) -> None:
    here = f"{apimart.bench.url}/apimart"
    async with opened(apimart) as client:
        provider = apimart_at(apimart, client, here, here.replace("127.0.0.1", "localhost"))
        apimart.fault("submit", fault)
        with pytest.raises(ProviderError) as caught:
            await provider.submit(await apimart.prepared(), key="retake-generation-1")
    assert caught.value.accepted is Accepted.UNKNOWN
    assert sum(call.op == "submit" for call in apimart.standin.calls) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_answer_is_an_answer(apimart: AdapterHarness, status: int) -> None:
    here = f"{apimart.bench.url}/apimart"
    async with opened(apimart) as client:
        provider = apimart_at(apimart, client, here, here.replace("127.0.0.1", "localhost"))
        apimart.fault("submit", "status", status=status)
        with pytest.raises(ProviderError):
            await provider.submit(await apimart.prepared(), key="retake-generation-1")
    assert sum(call.op == "submit" for call in apimart.standin.calls) == 1


async def test_where_all_are_away_nothing_was_sent(apimart: AdapterHarness) -> None:
    async with opened(apimart) as client:
        provider = apimart_at(apimart, client, nowhere(), nowhere())
        with pytest.raises(NotSentError) as caught:
            await provider.submit(await apimart.prepared(), key="retake-generation-1")
    assert caught.value.accepted is Accepted.NO
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE


async def test_the_next_call_begins_where_the_last_was_answered() -> None:
    asked: list[str] = []

    async def ask(url: str) -> str:
        asked.append(url)
        if url.startswith("a"):
            raise NotSentError(Code.PROVIDER_UNAVAILABLE)
        return url

    mirrors = Mirrors(["a", "b"])
    assert [await mirrors.call("/x", ask) for _ in range(2)] == ["b/x", "b/x"]
    assert asked == ["a/x", "b/x", "b/x"]
