"""The words of commands: written once in ``locales/``, given to Discord in every language there is.

Owns how a command's description finds its translations. Command and option names stay English: docs
and people's habits rely on them.
"""

import discord
from discord import app_commands

from bot.ui.text.messages import DEFAULT_LANGUAGE, Messages, languages


def said(key: str) -> app_commands.locale_str:
    """A command's text: English, with the key under which the other languages are found."""
    return app_commands.locale_str(Messages.for_locale(DEFAULT_LANGUAGE).template(key), key=key)


class CatalogueTranslator(app_commands.Translator):
    """Looks the key up in the language's file; languages without one get English."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002 - the library's signature
    ) -> str | None:
        key = string.extras.get("key")
        known = languages() - {DEFAULT_LANGUAGE}
        if key is None or not {locale.value, locale.value.split("-")[0]} & known:
            return None
        return Messages.for_locale(locale.value).template(key)
