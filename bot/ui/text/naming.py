"""Names made from a prompt: of a thread, of a file, and the text for people who cannot see it.

Knows how long each may be. Knows nothing of Discord's objects.
"""

import re
import unicodedata

from bot.domain.generation import Generation
from bot.ui.text.markdown import cut, tidy
from bot.ui.text.messages import Messages

MOST_THREAD_NAME = 80
MOST_ALT_TEXT = 1000
MOST_FILE_STEM = 40


def shown_prompt(generation: Generation) -> str:
    """The prompt as messages show it: empty where a filter of the server refused it."""
    return "" if generation.place.without_prompt else generation.request.prompt


def thread_name(generation: Generation, messages: Messages) -> str:
    """A thread's name: the prompt, in one line."""
    return cut(tidy(shown_prompt(generation)), MOST_THREAD_NAME) or messages.say("status.no_prompt")


def file_name(generation: Generation) -> str:
    """What the file is called when somebody saves it: words of the prompt, and the version."""
    ascii_only = (
        unicodedata.normalize("NFKD", shown_prompt(generation)).encode("ascii", "ignore").decode()
    )
    words = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    stem = words[:MOST_FILE_STEM].rsplit("-", 1)[0] if len(words) > MOST_FILE_STEM else words
    return f"{stem or 'video'}-v{generation.version}.mp4"


def alt_text(generation: Generation, messages: Messages) -> str:
    """What a screen reader says of the video."""
    prompt = tidy(shown_prompt(generation))
    if not prompt:
        return messages.say("video.alt_untitled", version=generation.version)
    description = messages.say("video.alt", version=generation.version, prompt=prompt)
    return cut(description, MOST_ALT_TEXT)
