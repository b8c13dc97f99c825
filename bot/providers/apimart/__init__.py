"""APIMart's JSON, status words, error codes, prices and image uploads.

It must not know of generations, quotas or Discord. ``docs/reference/providers.md`` says what the
vendor documents and what third parties observed.
"""

from bot.providers.apimart.adapter import ApiMart

__all__ = ["ApiMart"]
