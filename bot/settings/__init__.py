"""The configuration: typed, frozen, complete; the only reader of TOML and of the environment."""

from bot.settings.keys import Settings, is_loopback
from bot.settings.sources import SettingsError, load

__all__ = ["Settings", "SettingsError", "is_loopback", "load"]
