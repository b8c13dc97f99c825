"""A submitted body, read by the rules of the model that it names.

Owns every check that needs nothing but the body. Whether a given URL really holds an image is
`fetch`'s business; the shape of the refusal is the provider's.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sandbox.providers.rules import Aspect, Duration, Form, Media, Mode, Model, Quality


class Refused(Exception):
    """A request that is answered with an error; the provider dresses it in its own shape."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        status: int = 400,
        code: str | int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What was asked for, checked. ``seconds`` None: the model decides."""

    model: Model
    mode: Mode
    prompt: str
    images: tuple[str, ...] = ()
    first_frame: str | None = None
    last_frame: str | None = None
    videos: tuple[str, ...] = ()
    seconds: int | None = None
    aspect: str | None = None
    quality: str = "720p"
    extend_from: str | None = None
    callback_url: str | None = None
    webhook: str | None = None

    @property
    def first_line(self) -> str:
        """The prompt without what the bot adds below it for a model that has no such option."""
        return self.prompt.partition("\n")[0]


def read_submission(
    body: Any, models: Mapping[str, Model], *, insecure_callbacks: bool
) -> Submission:
    """Judge a body, or raise Refused with the parameter that is wrong."""
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise Refused("model is required", param="model")
    model = models.get(name)
    if model is None:
        raise Refused(f"unknown model: {name}", param="model")
    _known_parameters(body, model)
    images = _media(body, "image_urls", model.images)
    videos = _media(body, "video_urls", model.videos)
    first = _frame(body, "first_frame_image", model)
    last = _frame(body, "last_frame_image", model)
    if model.second_is_last and len(images) == 2:
        images, last = images[:1], images[1]
    extend_from = _text(body, "extend_from_task_id")
    if extend_from and videos:
        raise Refused(
            "video_urls and extend_from_task_id exclude each other", param="extend_from_task_id"
        )
    if last and not (first or images):
        raise Refused("last_frame_image needs a first frame", param="last_frame_image")
    pictures = len(images) + (first is not None) + (last is not None)
    if model.frames and model.images is not None and pictures > model.images.most:
        raise Refused(
            f"frames and references: at most {model.images.most} together", param="image_urls"
        )
    given = images or videos or first or extend_from
    task = _metadata_task(body, model)
    return Submission(
        model=model,
        mode=model.mode or _mode(task, images, first, last, videos, extend_from),
        prompt=_prompt(body, model, given=bool(given)),
        images=images,
        first_frame=first,
        last_frame=last,
        videos=videos,
        seconds=_duration(body, model.duration),
        # With a video given, the newer model keeps that one's shape.
        aspect=None if videos and model.tasks else _aspect(body, model.aspect),
        quality=_quality(body, model.quality),
        extend_from=extend_from,
        callback_url=_callback(body, insecure=insecure_callbacks),
        webhook=_webhook(body, insecure=insecure_callbacks),
    )


def _known_parameters(body: Mapping[str, Any], model: Model) -> None:
    known = {"model", "prompt"}
    known |= {"image_urls"} if model.images else set()
    known |= {"video_urls"} if model.videos else set()
    known |= {"duration"} if model.duration else set()
    known |= {"aspect_ratio"} if model.aspect else set()
    known |= {model.quality.parameter} if model.quality else set()
    known |= {"first_frame_image", "last_frame_image"} if model.frames else set()
    known |= {"extend_from_task_id"} if model.extends else set()
    known |= {"metadata"} if model.tasks else set()
    known |= {"callback_url"} if model.callback else set()
    known |= {"webhook"} if model.webhook else set()
    for parameter in body:
        if parameter not in known:
            raise Refused(f"{model.name} does not support {parameter}", param=parameter)


def _prompt(body: Mapping[str, Any], model: Model, *, given: bool) -> str:
    prompt = body.get("prompt", "")
    if not isinstance(prompt, str):
        raise Refused("prompt must be a string", param="prompt")
    if not prompt.strip() and (model.prompt_required or not given):
        raise Refused("prompt is required", param="prompt")
    return prompt


def _text(body: Mapping[str, Any], parameter: str) -> str | None:
    value = body.get(parameter)
    if parameter in body and (not isinstance(value, str) or not value):
        raise Refused(f"{parameter} must be a non-empty string", param=parameter)
    return value


def _frame(body: Mapping[str, Any], parameter: str, model: Model) -> str | None:
    value = _text(body, parameter)
    if value is not None and model.images is not None:
        form_of(value, "image", model.images.forms, parameter)
    return value


def _media(body: Mapping[str, Any], parameter: str, rule: Media | None) -> tuple[str, ...]:
    if rule is None:
        return ()
    value = body.get(parameter, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise Refused(f"{parameter} must be an array of strings", param=parameter)
    if not rule.least <= len(value) <= rule.most:
        span = str(rule.most) if rule.least == rule.most else f"{rule.least} to {rule.most}"
        raise Refused(f"{parameter} takes {span} elements, not {len(value)}", param=parameter)
    kind = "image" if parameter == "image_urls" else "video"
    for item in value:
        form_of(item, kind, rule.forms, parameter)
    return tuple(value)


def form_of(given: str, kind: str, forms: frozenset[Form], parameter: str) -> Form:
    """The form a medium is given in, refused when the model does not take that form."""
    if given.startswith("data:"):
        form = Form.DATA_URL
        if not re.match(rf"data:{kind}/[\w.+-]+;base64,", given):
            raise Refused(f"{parameter} must be a base64 data URL of {kind}/*", param=parameter)
    elif "://" in given[:16]:
        form = Form.URL
        if urlsplit(given).scheme not in {"http", "https"} or not urlsplit(given).hostname:
            raise Refused(f"{parameter} must be http(s) URLs", param=parameter)
    else:
        form = Form.BASE64
    if form not in forms:
        takes = ", ".join(sorted(forms))
        raise Refused(f"{parameter} takes {takes} here, not {form}", param=parameter)
    if form is not Form.URL:
        decoded(given, parameter)
    return form


def decoded(given: str, parameter: str) -> bytes:
    """The bytes of a data URL or of bare base64."""
    text = given.partition(",")[2] if given.startswith("data:") else given
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused(f"{parameter} is neither a URL nor base64", param=parameter) from None


def _duration(body: Mapping[str, Any], rule: Duration | None) -> int | None:
    if rule is None:
        return None
    if "duration" not in body:
        return rule.default
    value = body["duration"]
    if value == "auto" and rule.auto:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        words = 'an integer or "auto"' if rule.auto else "an integer"
        raise Refused(f"duration must be {words}", param="duration")
    if not rule.least <= value <= rule.most:
        raise Refused(f"duration must be {rule.least} to {rule.most}", param="duration")
    return value


def _aspect(body: Mapping[str, Any], rule: Aspect | None) -> str | None:
    if rule is None:
        return None
    value = body.get("aspect_ratio", rule.default)
    if not isinstance(value, str):
        raise Refused("aspect_ratio must be a string", param="aspect_ratio")
    if value not in rule.values:
        if rule.lenient:
            return rule.default
        raise Refused(f"aspect_ratio must be one of {rule.values}", param="aspect_ratio")
    return None if value == "auto" else value


def _quality(body: Mapping[str, Any], rule: Quality | None) -> str:
    if rule is None:
        return "720p"
    value = body.get(rule.parameter, rule.default)
    if value not in rule.values:
        raise Refused(f"{rule.parameter} must be one of {rule.values}", param=rule.parameter)
    return value


def _metadata_task(body: Mapping[str, Any], model: Model) -> str | None:
    if "metadata" not in body:
        return None
    metadata = body["metadata"]
    if not isinstance(metadata, dict) or set(metadata) - {"task"}:
        raise Refused("metadata must be an object with task", param="metadata")
    task = metadata.get("task")
    if task is not None and task not in model.tasks:
        raise Refused(f"metadata.task must be one of {model.tasks}", param="metadata.task")
    return task


def _mode(
    task: str | None,
    images: tuple[str, ...],
    first: str | None,
    last: str | None,
    videos: tuple[str, ...],
    extend_from: str | None,
) -> Mode:
    """The mode of a model that has one id for all of them."""
    source = bool(videos or extend_from)
    if task == "extend" and not source:
        raise Refused("metadata.task extend needs a video", param="metadata.task")
    if task == "edit" and not source:
        raise Refused("metadata.task edit needs a video", param="metadata.task")
    if source:
        return Mode.EXTEND if task == "extend" else Mode.EDIT
    if first or last or len(images) == 1:
        return Mode.REFERENCE if task == "reference_to_video" else Mode.IMAGE
    return Mode.REFERENCE if images else Mode.TEXT


def _callback(body: Mapping[str, Any], *, insecure: bool) -> str | None:
    url = _text(body, "callback_url")
    if url is None:
        return None
    if len(url) > 2048:
        raise Refused("callback_url must not exceed 2048 characters", param="callback_url")
    parts = urlsplit(url)
    if not parts.hostname:
        raise Refused("callback_url must be a URL", param="callback_url")
    if insecure and parts.scheme in {"http", "https"}:
        return url
    if parts.scheme != "https":
        raise Refused("callback_url must use HTTPS", param="callback_url")
    if _private(parts):
        raise Refused("callback_url must not be an internal address", param="callback_url")
    return url


def _webhook(body: Mapping[str, Any], *, insecure: bool) -> str | None:
    """The base address; one that does not suit is dropped in silence, not refused."""
    url = _text(body, "webhook")
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    usual = parts.port in {None, 80, 443}
    return url if insecure or (usual and not _private(parts)) else None


def _private(parts: SplitResult) -> bool:
    host = (parts.hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
