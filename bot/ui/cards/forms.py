"""Forms (modals) that survive restarts: what they are about stands in their ``custom_id``.

Owns their fields and reading what was sent. Nothing is kept in memory for an open form, so one that
was opened before a restart is still understood.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import discord
from discord import ui

from bot.domain.catalogue import Catalogue, Mode
from bot.domain.generation import Generation
from bot.domain.ports.media import IncomingFile
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.cards.details import can_extend
from bot.ui.text.markdown import cut, tidy
from bot.ui.text.messages import Messages

PROMPT, IMAGES, ASPECT_RATIO, DURATION, MODEL = "prompt", "images", "aspect", "duration", "model"
MOST_PROMPT = 4000
MOST_PLACEHOLDER = 100
MOST_IMAGES = 9
SHORTEST, LONGEST = 3, 10
RATIOS = ("16:9", "9:16")
NOT_SAID = "-"
_LABEL, _ROW = 18, 1


class Form(ui.Modal):
    """A form whose answer comes back through the client, not through the library's memory."""

    def __init__(self, *, title: str, custom_id: ControlId) -> None:
        super().__init__(title=title[:45], custom_id=str(custom_id))

    def is_finished(self) -> bool:
        """Always: the library then keeps no reference to it (people close forms unseen)."""
        return True


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What somebody filled in. ``files`` are as Discord describes them, not trusted."""

    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, tuple[IncomingFile, ...]] = field(
        default_factory=dict[str, tuple[IncomingFile, ...]]
    )

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Submission":
        """Read an interaction's data; fields that are not there are empty."""
        texts: dict[str, str] = {}
        files: dict[str, tuple[IncomingFile, ...]] = {}
        attached = data.get("resolved", {}).get("attachments", {})
        for row in data.get("components", ()):
            inner = [row["component"]] if row.get("type") == _LABEL else row.get("components", ())
            for part in inner:
                name, values = part.get("custom_id", ""), part.get("values", ())
                if any(value in attached for value in values):
                    files[name] = tuple(_file(attached[v]) for v in values if v in attached)
                elif "value" in part:
                    texts[name] = part["value"] or ""
                elif values and values[0] != NOT_SAID:
                    texts[name] = values[0]
        return cls(texts=texts, files=files)

    def text(self, name: str) -> str:
        """What was written or chosen; empty when nothing was."""
        return self.texts.get(name, "").strip()

    def duration(self) -> int | None:
        """The length chosen, in seconds; None leaves it to the model."""
        chosen = self.text(DURATION)
        return int(chosen) if chosen.isdecimal() else None


def edit_form(generation: Generation, messages: Messages, *, most_images: int) -> Form:
    """Return the form that asks for a change of a video, its last instruction as placeholder."""
    form = Form(
        title=messages.say("form.edit.title"),
        custom_id=ControlId(action=Action.FORM_EDIT, generation_id=generation.id),
    )
    before = generation.request.prompt if generation.parent_id is not None else ""
    return _edit_fields(form, messages, most_images=most_images, before=before)


def upload_form(message_id: int, messages: Messages, *, most_images: int) -> Form:
    """What should change in a video that somebody uploaded."""
    form = Form(
        title=messages.say("form.edit.title"),
        custom_id=ControlId(action=Action.FORM_UPLOAD, message_id=message_id),
    )
    return _edit_fields(form, messages, most_images=most_images)


def extend_form(generation: Generation, catalogue: Catalogue, messages: Messages) -> Form:
    """What happens next, and how much longer."""
    form = Form(
        title=messages.say("form.extend.title"),
        custom_id=ControlId(action=Action.FORM_EXTEND, generation_id=generation.id),
    )
    form.add_item(ui.Label(text=messages.say("form.extend.prompt"), component=_prompt("")))
    longest = max(
        (
            offer.max_duration
            for offer in catalogue.for_provider(generation.plan.provider, generation.plan.model)
            if offer.mode is Mode.EXTEND and can_extend(generation, catalogue)
        ),
        default=0,
    )
    if longest:
        form.add_item(
            ui.Label(
                text=messages.say("form.extend.duration"),
                component=_durations(messages, messages.say("form.extend.auto")),
            )
        )
    return form


def make_form(message_id: int, prompt: str, catalogue: Catalogue, messages: Messages) -> Form:
    """A video from the images or the words of a message."""
    form = Form(
        title=messages.say("form.make.title"),
        custom_id=ControlId(action=Action.FORM_MAKE, message_id=message_id),
    )
    form.add_item(ui.Label(text=messages.say("form.make.prompt"), component=_prompt(prompt)))
    auto = messages.say("form.make.auto")
    form.add_item(
        ui.Label(
            text=messages.say("form.make.aspect_ratio"),
            component=_choice(ASPECT_RATIO, auto, {ratio: ratio for ratio in RATIOS}),
        )
    )
    form.add_item(
        ui.Label(text=messages.say("form.make.duration"), component=_durations(messages, auto))
    )
    titles = {str(name): catalogue.titles[name] for name in catalogue.models()}
    if len(titles) > 1:
        default = str(catalogue.default_model)
        form.add_item(
            ui.Label(
                text=messages.say("form.make.model"),
                component=_choice(MODEL, None, titles, default=default),
            )
        )
    return form


def _edit_fields(form: Form, messages: Messages, *, most_images: int, before: str = "") -> Form:
    hint = messages.say("form.edit.prompt_hint")
    if before:
        hint = cut(messages.say("form.edit.prompt_before", prompt=tidy(before)), MOST_PLACEHOLDER)
    form.add_item(ui.Label(text=messages.say("form.edit.prompt"), component=_prompt("", hint)))
    if most := min(most_images, MOST_IMAGES):
        form.add_item(
            ui.Label(
                text=messages.say("form.edit.images"),
                description=messages.say("form.edit.images_about", limit=most),
                component=ui.FileUpload(
                    custom_id=IMAGES, required=False, min_values=0, max_values=most
                ),
            )
        )
    return form


def _prompt(default: str, placeholder: str | None = None) -> ui.TextInput[Any]:
    return ui.TextInput(
        custom_id=PROMPT,
        style=discord.TextStyle.paragraph,
        required=False,
        max_length=MOST_PROMPT,
        default=default[:MOST_PROMPT] or None,
        placeholder=placeholder,
    )


def _durations(messages: Messages, auto: str) -> ui.Select[Any]:
    lengths = {
        str(seconds): messages.say("form.extend.seconds", seconds=seconds)
        for seconds in range(SHORTEST, LONGEST + 1)
    }
    return _choice(DURATION, auto, lengths)


def _choice(
    name: str, auto: str | None, choices: Mapping[str, str], *, default: str = NOT_SAID
) -> ui.Select[Any]:
    offered = {**({} if auto is None else {NOT_SAID: auto}), **choices}
    return ui.Select(
        custom_id=name,
        required=False,
        options=[
            discord.SelectOption(label=label[:100], value=value, default=value == default)
            for value, label in list(offered.items())[:25]
        ],
    )


def _file(attached: Mapping[str, Any]) -> IncomingFile:
    return IncomingFile(
        url=str(attached["url"]),
        name=str(attached.get("filename", "")),
        size=int(attached.get("size", 0)),
        content_type=attached.get("content_type"),
    )
