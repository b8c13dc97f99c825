"""The composition root: settings become parts, parts become the running bot."""

from bot.app.build import Role, open_catalogue, open_database
from bot.app.errors import AnotherBotError, CannotRunError
from bot.app.lock import alone_on
from bot.app.providers import open_providers, proxy_of
from bot.app.run_order import give_order
from bot.app.running import run

__all__ = [
    "AnotherBotError",
    "CannotRunError",
    "Role",
    "alone_on",
    "give_order",
    "open_catalogue",
    "open_database",
    "open_providers",
    "proxy_of",
    "run",
]
