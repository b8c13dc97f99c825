"""The configuration: typed, frozen, complete; the only reader of TOML and of the environment."""

from bot.settings.keys import Settings, is_loopback
from bot.settings.sources import DEFAULT_FILE, SettingsError, load, missing

__all__ = ["DEFAULT_FILE", "Settings", "SettingsError", "is_loopback", "load", "missing"]
