"""The composition root: it builds the parts from the settings, and runs the bot."""

from bot.app.database import alone_on, open_database
from bot.app.errors import AnotherBotError, CannotRunError
from bot.app.providers import open_catalogue, open_providers, proxy_of
from bot.app.reconcile import run_reconcile
from bot.app.roles import Role
from bot.app.running import run

__all__ = [
    "AnotherBotError",
    "CannotRunError",
    "Role",
    "alone_on",
    "open_catalogue",
    "open_database",
    "open_providers",
    "proxy_of",
    "run",
    "run_reconcile",
]
