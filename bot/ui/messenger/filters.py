"""Saying the same without the prompt, where a filter of the server refused it.

Owns when something is sent once more without the prompt. What a message then shows is the cards'
and captions' business: they look at the place's ``without_prompt``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bot.domain.errors import FILTERS, PostError
from bot.domain.generation import Generation

T = TypeVar("T")


def without_prompt(generation: Generation) -> Generation:
    """The generation as it is shown where its prompt was refused."""
    return replace(generation, place=replace(generation.place, without_prompt=True))


async def passing(
    generation: Generation, send: Callable[[Generation], Awaitable[T]]
) -> tuple[T, Generation]:
    """What ``send`` returns, and the generation as it was shown.

    Where a filter refuses the prompt, it is sent once more without it.

    Raises:
        PostError: as ``send``.
    """
    try:
        return await send(generation), generation
    except PostError as error:
        if error.code not in FILTERS or generation.place.without_prompt:
            raise
    shown = without_prompt(generation)
    return await send(shown), shown
