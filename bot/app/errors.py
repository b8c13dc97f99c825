"""Why the bot cannot run, as sentences for the operator."""

from bot.settings import Settings


class CannotRunError(Exception):
    """The bot cannot start or go on; the message is a sentence for the operator."""


class AnotherBotError(CannotRunError):
    """A bot is running on this database."""


def cannot_listen(settings: Settings, error: OSError) -> str:
    """Return what to do about an address of the HTTP server that cannot be used."""
    host, port = settings.http.host, settings.http.port
    instead = "another [http] port, or 0 for any free one"
    return f"The HTTP server can't listen on {host} port {port} ({error.strerror}): set {instead}."
