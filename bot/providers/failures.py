"""What a call that broke means: which domain error, and whether the other side may have seen it.

Owns the map from the library's, the network's and the address policy's exceptions to
``ProviderError``. What an answer that did arrive means is told elsewhere.
"""

from types import TracebackType

import aiohttp
import httpx

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers.addresses import AddressError


class OversizeError(Exception):
    """The answer is larger than any JSON we could want."""


class NotSentError(ProviderError):
    """No connection could be made, so that nothing of the call has left this machine."""


class ErrorTranslator:
    """Turns every exception of the library, the network and the policy into a ``ProviderError``.

    Causes are dropped (their texts may hold URLs), their kind is kept as the fact ``reason``.
    """

    def __init__(self, party: str, *, paid: bool = False, downloading: bool = False) -> None:
        self._party = party
        self._paid = paid
        self._downloading = downloading

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, ProviderError):
            return
        translated = self._translate(error)
        if translated is not None:
            raise translated from None

    def _translate(self, error: BaseException) -> ProviderError | None:
        chain = _causes(error)
        if any(isinstance(one, AddressError) for one in chain):
            code = Code.RESULT_BROKEN if self._downloading else Code.PROVIDER_UNAVAILABLE
            return self._error(code, Accepted.NO, reason="address", retryable=False)
        if isinstance(error, OversizeError):
            return self._error(Code.PROVIDER_MALFORMED, Accepted.UNKNOWN, reason="too large")
        if not isinstance(
            error, httpx.HTTPError | httpx.InvalidURL | aiohttp.ClientError | TimeoutError
        ):
            return None
        reason = type(chain[-1]).__name__
        unsent = any(isinstance(one, _UNSENT) for one in chain)
        accepted = Accepted.NO if unsent else Accepted.UNKNOWN
        if self._downloading and any(isinstance(o, aiohttp.ClientPayloadError) for o in chain):
            return self._error(Code.RESULT_BROKEN, accepted, reason="short")
        late = any(isinstance(one, TimeoutError) for one in chain)
        code = Code.PROVIDER_TIMEOUT if late else Code.PROVIDER_UNAVAILABLE
        return self._error(code, accepted, reason=reason, kind=NotSentError if unsent else None)

    def _error(
        self,
        code: Code,
        accepted: Accepted,
        *,
        reason: str,
        retryable: bool = True,
        kind: type[ProviderError] | None = None,
    ) -> ProviderError:
        if self._downloading:
            accepted = Accepted.YES
        elif not self._paid:
            accepted = Accepted.NO
        return (kind or ProviderError)(
            code,
            accepted=accepted,
            retryable=retryable,
            charged=self._downloading,
            provider=self._party,
            reason=reason,
        )


# What is raised before the first byte of a request has left. The transport calls most aiohttp
# errors a ConnectTimeout, a reset in the middle included, so only the cause can be believed.
_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    httpx.InvalidURL,
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, innermost last."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__
    return chain
