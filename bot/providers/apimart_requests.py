"""The parts of APIMart's request that need no call: words, shapes, and what the inputs mean.

Owns the values of ``metadata.task``, the sentence that asks for a length, and what a model knows.
Media are handed over by the adapter.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.catalogue import Mode
from bot.domain.ports.provider import TaskSpec
from bot.providers import json_values

# The first generation tells by the inputs alone what is meant, and has no parameter for frames.
_FIRST_GENERATION = frozenset({"gemini-omni-flash-preview"})

_TASKS: Mapping[Mode, str] = {
    Mode.TEXT: "text_to_video",
    Mode.IMAGE: "image_to_video",
    Mode.REFERENCE: "reference_to_video",
    Mode.EDIT: "edit",
    Mode.EXTEND: "extend",
}


def task_of(spec: TaskSpec) -> str | None:
    """What the inputs mean; None where the model has no parameter for it."""
    return None if spec.plan.model_id in _FIRST_GENERATION else _TASKS[spec.plan.mode]


def has_frames(spec: TaskSpec) -> bool:
    """Whether the first picture is the first frame, under a parameter of its own."""
    newer = spec.plan.model_id not in _FIRST_GENERATION
    return spec.last_frame is not None or (newer and spec.plan.mode is Mode.IMAGE)


def prompt_of(spec: TaskSpec) -> str:
    """The prompt, with the length in words where one was asked for: no parameter takes it."""
    seconds = spec.plan.duration
    if seconds is None:
        return spec.prompt
    if spec.plan.mode is Mode.EXTEND:
        length = f"Extend the video by {seconds} seconds."
    else:
        length = f"The video is {seconds} seconds long."
    return f"{spec.prompt.rstrip()}\n\n{length}" if spec.prompt.strip() else length


def aspect_ratio_of(spec: TaskSpec, body: Mapping[str, Any]) -> str | None:
    """The shape to ask for; None where the model knows its source's."""
    asked = spec.plan.aspect_ratio
    if asked == "auto" or (asked is None and "extend_from_task_id" in body):
        # Nothing said would mean landscape.
        return _orientation(spec)
    return asked


def _orientation(spec: TaskSpec) -> str | None:
    """Of the given media; by default APIMart makes landscape. None: it knows the source."""
    source = spec.source.media if spec.source is not None else None
    shown = source or next(iter(spec.images), None)
    if shown is None:
        return None
    return "9:16" if shown.height > shown.width else "16:9"


def links_of(body: Mapping[str, Any]) -> list[str]:
    """The addresses of our uploads in a request."""
    frames = [body.get("first_frame_image"), body.get("last_frame_image")]
    return [*json_values.items(body.get("image_urls")), *(url for url in frames if url)]
