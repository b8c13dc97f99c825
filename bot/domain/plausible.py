"""Which values that a provider reports are believed.

Owns the bounds. A value beyond them is recorded as it was reported and moves nothing.
"""

from bot.domain.catalogue import Plan

MOST_TIMES = 20
"""A cost or length of more than this many times what was planned is not believed."""

MOST_MICRO_USD = 20_000_000
"""The same for the cost of a video whose price is not known."""


def is_plausible_cost(plan: Plan, micro_usd: int) -> bool:
    """Return True unless a reported cost is absurd for what was ordered."""
    most = MOST_TIMES * plan.micro_usd if plan.micro_usd else MOST_MICRO_USD
    return 0 <= micro_usd <= most


def is_plausible_length(plan: Plan, duration_ms: int) -> bool:
    """Return True unless a reported length is absurd for what was ordered."""
    return 0 < duration_ms <= MOST_TIMES * 1000 * max(plan.seconds, 1)
