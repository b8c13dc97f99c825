"""EvoLink's JSON, status words, error codes, prices and files service.

It must not know of generations, quotas or Discord. ``docs/reference/providers.md`` says what the
vendor documents and what was only observed.
"""

from bot.providers.evolink.adapter import EvoLink

__all__ = ["EvoLink"]
