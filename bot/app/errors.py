"""Why the bot cannot run, as sentences for the operator."""


class CannotRunError(Exception):
    """The bot cannot start or go on; the message is a sentence for the operator."""


class AnotherBotError(CannotRunError):
    """A bot is running on this database."""
