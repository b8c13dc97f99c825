"""What stands above and below a finished video: its words and its buttons.

Owns what they say and in which order. Sends nothing and decides nothing.
"""

from discord import ui

from bot.domain.generation import Generation, Posting
from bot.domain.request import ReplyMode
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action
from bot.ui.cards.details import can_extend
from bot.ui.cards.status import options, origin
from bot.ui.cards.theme import CardContext
from bot.ui.text.markdown import masked_link
from bot.ui.text.messages import Messages
from bot.ui.text.naming import shown_prompt


def caption(
    generation: Generation,
    posting: Posting,
    card_context: CardContext,
    *,
    preview: bool,
    link: str | None,
) -> str:
    """The words of a finished video, with the one ping.

    ``preview`` is true if the file is a smaller copy, ``link`` the address of the full one.
    """
    messages = card_context.messages
    facts = [messages.say("status.version", version=generation.version)]
    if generation.parent_version is not None or generation.request.video is not None:
        facts.append(origin(generation, messages))
    facts += [card_context.title(generation.plan)]
    facts += options(generation.plan, messages)
    small = [" · ".join(facts)]
    if generation.late:
        small.append(messages.say("video.late"))
    if posting.tried:
        small.append(_elsewhere(generation, messages))
    if generation.place.without_prompt:
        small.append(messages.say("video.without_prompt"))
    elif preview and link is not None:
        original = masked_link(messages.say("video.original"), link)
        small.append(messages.say("video.preview_link", link=original))
        preview = False
    if preview:
        small.append(messages.say("video.preview"))
    if generation.version == 1 and card_context.replies is not ReplyMode.OFF:
        small.append(messages.say("video.reply"))
    return "\n".join([_ready(generation, messages), *(f"-# {line}" for line in small)])


def video_buttons(generation: Generation, card_context: CardContext) -> ui.View:
    """The buttons below a finished video."""
    messages = card_context.messages
    verbs = [
        (Action.EDIT, messages.say("button.edit")),
        (Action.AGAIN, messages.say("button.again")),
        (Action.DETAILS, messages.say("button.details")),
        (Action.DELETE, messages.say("button.delete")),
    ]
    if can_extend(generation, card_context.catalogue):
        verbs.insert(2, (Action.EXTEND, messages.say("button.extend")))
    view = ui.View(timeout=None)
    for action, label in verbs:
        view.add_item(control(action, generation, label))
    return view


def _ready(generation: Generation, messages: Messages) -> str:
    in_server = bool(generation.place.guild_id)
    if generation.place.without_prompt:
        key = "video.ready_without_prompt" if in_server else "video.ready_plain_without_prompt"
        return messages.say(key, who=generation.requester_id)
    prompt = shown_prompt(generation) or messages.say("status.no_prompt")
    key = "video.ready" if in_server else "video.ready_plain"
    return messages.say(key, who=generation.requester_id, prompt=prompt)


def _elsewhere(generation: Generation, messages: Messages) -> str:
    """Why it is not where it was asked for."""
    code = None if generation.failure is None else generation.failure.code
    key = f"word.elsewhere.{code}"
    return messages.say(key if messages.has(key) else "word.elsewhere.other")
