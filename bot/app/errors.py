"""Why the bot cannot run, as a sentence for the operator."""


class CannotRunError(Exception):
    """The bot cannot start or go on; the message is a sentence for the operator."""
