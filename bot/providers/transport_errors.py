"""The domain error of a call without a response, and whether the service may have seen the call.

Owns the map from exceptions of the HTTP library, the network and the address policy to
``ProviderError``. The errors in responses are in ``response_errors``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import httpx

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers.addresses import AddressError


class OversizeError(Exception):
    """The response is larger than the limit."""


class NotSentError(ProviderError):
    """No connection could be made, so nothing of the request was sent."""


# These are raised before the first byte of a request is sent. The transport turns most aiohttp
# errors, even a reset during a call, into a ConnectTimeout, so only the cause is reliable.
_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    httpx.InvalidURL,
)
_TRANSLATED = (
    httpx.HTTPError,
    httpx.InvalidURL,
    aiohttp.ClientError,
    TimeoutError,
    AddressError,
    OversizeError,
)


@contextmanager
def translated_errors(
    service: str, *, paid: bool = False, downloading: bool = False
) -> Iterator[None]:
    """Turn exceptions of the library, the network and the policy into a ``ProviderError``.

    The original exception is dropped, because its text may hold a URL. Its type is the fact
    ``reason``.
    """
    try:
        yield
    except _TRANSLATED as error:
        raise _translate(error, service, paid=paid, downloading=downloading) from None


def _translate(
    error: BaseException, service: str, *, paid: bool, downloading: bool
) -> ProviderError:
    chain = _causes(error)
    kind: type[ProviderError] = ProviderError
    accepted, retryable = Accepted.UNKNOWN, True
    if any(isinstance(one, AddressError) for one in chain):
        code = Code.RESULT_BROKEN if downloading else Code.PROVIDER_UNAVAILABLE
        accepted, retryable, reason = Accepted.NO, False, "address"
    elif isinstance(error, OversizeError):
        code, reason = Code.PROVIDER_MALFORMED, "too large"
    elif downloading and any(isinstance(one, aiohttp.ClientPayloadError) for one in chain):
        code, reason = Code.RESULT_BROKEN, "short"
    else:
        late = any(isinstance(one, TimeoutError) for one in chain)
        code = Code.PROVIDER_TIMEOUT if late else Code.PROVIDER_UNAVAILABLE
        reason = type(chain[-1]).__name__
        if any(isinstance(one, _UNSENT) for one in chain):
            kind, accepted = NotSentError, Accepted.NO
    if downloading:
        accepted = Accepted.YES
    elif not paid:
        accepted = Accepted.NO
    return kind(
        code,
        accepted=accepted,
        retryable=retryable,
        charged=downloading,
        provider=service,
        reason=reason,
    )


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and its causes, the innermost last."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__
    return chain
