"""The composition root: settings become parts, parts become the running bot."""

from bot.app.errors import CannotRunError
from bot.app.parts import Role, open_providers
from bot.app.running import run

__all__ = ["CannotRunError", "Role", "open_providers", "run"]
