"""The video services that the settings switch on, ready to be asked.

Owns how a section of the settings becomes an adapter. Adding a provider is a line here.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from bot.domain.ports.provider import InformedProvider
from bot.ops.clock import SystemClock
from bot.providers.addresses import AddressPolicy
from bot.providers.apimart import ApiMart
from bot.providers.evolink import EvoLink
from bot.providers.http import HttpClient
from bot.providers.proxy import Proxy
from bot.settings import Settings


def proxy_of(settings: Settings) -> Proxy | None:
    """The operator's proxy, if there is one."""
    url = settings.network.proxy.get_secret_value()
    return Proxy.parse(url) if url else None


@asynccontextmanager
async def open_providers(
    settings: Settings, clock: SystemClock
) -> AsyncIterator[Sequence[InformedProvider]]:
    """The providers that have a key, in the configured order, each with a door of its own."""
    told = settings.providers
    media_root = settings.media.dir.absolute()
    async with AsyncExitStack() as stack:

        async def door(name: str, *urls: str) -> HttpClient:
            policy = AddressPolicy.beside(*urls)
            return await stack.enter_async_context(
                HttpClient(party=name, policy=policy, proxy=proxy_of(settings))
            )

        providers: dict[str, InformedProvider] = {}
        evolink: EvoLink | None = None
        if key := told.evolink.api_key.get_secret_value():
            evolink = EvoLink(
                api_url=told.evolink.api_url,
                files_url=told.evolink.files_url,
                api_key=key,
                http=await door("evolink", told.evolink.api_url, told.evolink.files_url),
                media_root=media_root,
                clock=clock,
            )
            providers["evolink"] = evolink
        if key := told.apimart.api_key.get_secret_value():
            providers["apimart"] = ApiMart(
                api_url=told.apimart.api_url,
                api_key=key,
                http=await door("apimart", *told.apimart.api_url),
                media_root=media_root,
                clock=clock,
                video_host=evolink,
                supports_callbacks=settings.http.usual_port,
            )
        yield [providers[name] for name in told.enabled() if name in providers]
