"""Building the enabled providers from their sections of the settings.

To add a provider, add a function and its line in ``FACTORIES``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bot.domain.catalogue import Catalogue, ProviderName
from bot.domain.ports.provider import InformedProvider
from bot.ops.clock import SystemClock
from bot.providers.addresses import AddressPolicy
from bot.providers.apimart import ApiMart
from bot.providers.catalogue import load_catalogue
from bot.providers.evolink import EvoLink
from bot.providers.http import HttpClient
from bot.providers.proxy import Proxy
from bot.settings import Settings


def proxy_of(settings: Settings) -> Proxy | None:
    """Return the operator's proxy, or None."""
    url = settings.network.proxy.get_secret_value()
    return Proxy.parse(url) if url else None


@dataclass(frozen=True, kw_only=True)
class _Site:
    """What adapters are built from. ``made`` are those that exist already."""

    settings: Settings
    clock: SystemClock
    stack: AsyncExitStack
    made: dict[ProviderName, InformedProvider] = field(
        default_factory=dict[ProviderName, InformedProvider]
    )

    async def http(self, service: str, *urls: str) -> HttpClient:
        """Open a client that may reach these addresses and all public ones."""
        policy = AddressPolicy.for_urls(*urls)
        client = HttpClient(service=service, policy=policy, proxy=proxy_of(self.settings))
        return await self.stack.enter_async_context(client)


async def _evolink(site: _Site) -> InformedProvider:
    config = site.settings.providers.evolink
    return EvoLink(
        api_url=config.api_url,
        files_url=config.files_url,
        api_key=config.api_key.get_secret_value(),
        http=await site.http("evolink", config.api_url, config.files_url),
        media_root=site.settings.media.dir.absolute(),
        clock=site.clock,
    )


async def _apimart(site: _Site) -> InformedProvider:
    config = site.settings.providers.apimart
    # APIMart accepts no uploads of videos: a source video is hosted at EvoLink.
    evolink = site.made.get(ProviderName("evolink"))
    return ApiMart(
        api_url=config.api_url,
        api_key=config.api_key.get_secret_value(),
        http=await site.http("apimart", *config.api_url),
        media_root=site.settings.media.dir.absolute(),
        clock=site.clock,
        video_host=evolink if isinstance(evolink, EvoLink) else None,
        supports_callbacks=site.settings.http.usual_port,
    )


FACTORIES: Mapping[ProviderName, Callable[[_Site], Awaitable[InformedProvider]]] = {
    ProviderName("evolink"): _evolink,
    ProviderName("apimart"): _apimart,
}
"""How each provider is built, in this order."""


def open_catalogue(settings: Settings) -> Catalogue:
    """Return the packaged catalogue with the operator's overrides.

    Raises:
        CatalogueError: the overrides are invalid.
    """
    config = settings.providers
    overrides = {str(name): section.models for name, section in config.sections().items()}
    return load_catalogue(default_model=config.default_model, overrides=overrides)


@asynccontextmanager
async def open_providers(
    settings: Settings, clock: SystemClock
) -> AsyncIterator[Sequence[InformedProvider]]:
    """Open the providers that have a key, in the configured order, each with its own client."""
    enabled = settings.providers.enabled()
    async with AsyncExitStack() as stack:
        site = _Site(settings=settings, clock=clock, stack=stack)
        for name, factory in FACTORIES.items():
            if name in enabled:
                site.made[name] = await factory(site)
        yield [site.made[name] for name in enabled]
