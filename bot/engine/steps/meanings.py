"""What the codes of a refused submission mean for its generation."""

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Failure

ANOTHER_MAY_TAKE_IT = frozenset(
    {
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_MODEL_ACCESS,
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_UNAVAILABLE,
        Code.PROVIDER_TIMEOUT,
        Code.PROVIDER_FILES_FULL,
    }
)
TELL_THE_OWNER = frozenset(
    {
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_MODEL_ACCESS,
        Code.PROVIDER_FILES_FULL,
    }
)
TURNED_AWAY = frozenset(
    {
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_UNAVAILABLE,
        Code.PROVIDER_TIMEOUT,
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
    }
)
"""Refusals that do not concern the request itself, so the repetition may be made again. No refusal
of a repetition proves anything about the first POST.
"""


def failure_at(provider: ProviderName, error: ProviderError) -> Failure:
    """Return the failure to keep, with the provider at which it happened."""
    return Failure(code=error.code, facts={**error.facts, "provider": provider})
