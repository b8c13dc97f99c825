"""The configuration: typed and frozen. It is the only reader of TOML and of the environment."""

from bot.settings.keys import Settings
from bot.settings.sources import DEFAULT_FILE, SettingsError, load, missing

__all__ = ["DEFAULT_FILE", "Settings", "SettingsError", "load", "missing"]
