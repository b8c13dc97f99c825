"""What each model of the two providers takes, as data, by the vendors' pages.

Owns ranges, counts, forms and prices. `submission` applies them to a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Form(StrEnum):
    """A way to give media in a request."""

    URL = "url"
    DATA_URL = "data_url"
    BASE64 = "base64"


class Mode(StrEnum):
    """What a model does; APIMart's one model derives it from the inputs."""

    TEXT = "text"
    IMAGE = "image"
    REFERENCE = "reference"
    EDIT = "edit"
    EXTEND = "extend"


@dataclass(frozen=True, kw_only=True)
class Media:
    """A list of media: how many, in which forms, which formats; seconds count for videos."""

    least: int
    most: int
    forms: frozenset[Form]
    formats: frozenset[str]
    shortest: float = 0
    longest: float = 0


@dataclass(frozen=True, kw_only=True)
class Duration:
    """The ``duration`` parameter in whole seconds; ``default`` None lets the model decide."""

    least: int
    most: int
    default: int | None
    auto: bool


@dataclass(frozen=True, kw_only=True)
class Aspect:
    """The ``aspect_ratio`` parameter; ``lenient`` treats other strings as the default."""

    values: tuple[str, ...]
    default: str
    lenient: bool = False


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The parameter that names a resolution, under the provider's name for it."""

    parameter: str
    values: tuple[str, ...]
    default: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model id. ``mode`` None: derived from the inputs. Prices in micro-USD per second.

    ``frames`` allows ``first_frame_image`` and ``last_frame_image``, which count with the images
    against ``images.most``; ``second_is_last`` makes the second image the last frame, ``extends``
    allows ``extend_from_task_id``, ``tasks`` are the values of ``metadata.task``. ``callback`` and
    ``webhook`` allow the parameters ``callback_url`` (the address itself) and ``webhook`` (a base).
    """

    name: str
    mode: Mode | None
    prompt_required: bool
    price: Mapping[str, int]
    images: Media | None = None
    videos: Media | None = None
    duration: Duration | None = None
    aspect: Aspect | None = None
    quality: Quality | None = None
    frames: bool = False
    second_is_last: bool = False
    extends: bool = False
    tasks: tuple[str, ...] = ()
    callback: bool = False
    webhook: bool = False


MOST_SECONDS = 10
"""What a video of unknown length is reserved at: the longest these models make."""

_EVERY_FORM = frozenset(Form)
_URL = frozenset({Form.URL})
_WEB_IMAGES = frozenset({"PNG", "JPEG", "WEBP"})
_PHOTOS = frozenset({"JPEG", "PNG"})
_MP4 = frozenset({"mp4"})

_WIDE_FIRST = Aspect(values=("16:9", "9:16", "auto"), default="16:9")
_AUTO_FIRST = Aspect(values=("16:9", "9:16", "auto"), default="auto")
_LONG = Duration(least=3, most=10, default=10, auto=True)
_SHORT = Duration(least=3, most=10, default=3, auto=False)
_QUALITIES = ("360p", "720p", "1080p", "4k")

# 1.0: 5,792 tokens a second at 14.875 USD per million tokens; APIMart's as told by third parties.
_EVOLINK_PRICE = {"720p": 86_156}
_APIMART_PRICE = {"720p": 88_000}

# 1.1: Google's price for 720p; EvoLink documents a third of it for 360p, one and a half times for
# 1080p and three times for 4k. APIMart's are published.
_EVOLINK_1_1_PRICES = {"360p": 33_333, "720p": 100_000, "1080p": 150_000, "4k": 300_000}
_APIMART_1_1_PRICES = {"360p": 29_600, "720p": 88_000, "1080p": 132_000, "4k": 264_000}


def _evolink(name: str, mode: Mode, **more: object) -> Model:
    return Model(
        name=name,
        mode=mode,
        prompt_required=True,
        price=_EVOLINK_PRICE,
        callback=True,
        **more,  # type: ignore[arg-type]
    )


def _evolink_1_1(task: str, mode: Mode, **more: object) -> Model:
    return Model(
        name=f"gemini-omni-1.1-flash-{task}",
        mode=mode,
        prompt_required=True,
        price=_EVOLINK_1_1_PRICES,
        quality=Quality(parameter="quality", values=_QUALITIES, default="720p"),
        callback=True,
        **more,  # type: ignore[arg-type]
    )


_EVOLINK_MODELS = (
    _evolink(
        "gemini-omni-flash-text-to-video",
        Mode.TEXT,
        duration=_LONG,
        aspect=_WIDE_FIRST,
    ),
    _evolink(
        "gemini-omni-flash-image-to-video",
        Mode.IMAGE,
        images=Media(least=1, most=1, forms=_EVERY_FORM, formats=_WEB_IMAGES),
        duration=_LONG,
        aspect=_WIDE_FIRST,
    ),
    _evolink(
        "gemini-omni-flash-reference-to-video",
        Mode.REFERENCE,
        images=Media(least=1, most=6, forms=_URL, formats=_WEB_IMAGES),
        duration=_LONG,
        aspect=_WIDE_FIRST,
    ),
    _evolink(
        "gemini-omni-flash-video-edit",
        Mode.EDIT,
        videos=Media(least=1, most=1, forms=_URL, formats=_MP4, longest=10),
    ),
    _evolink_1_1("text-to-video", Mode.TEXT, duration=_SHORT, aspect=_AUTO_FIRST),
    _evolink_1_1(
        "image-to-video",
        Mode.IMAGE,
        images=Media(least=1, most=2, forms=_URL, formats=_WEB_IMAGES),
        second_is_last=True,
        duration=_SHORT,
        aspect=_AUTO_FIRST,
    ),
    _evolink_1_1(
        "reference-to-video",
        Mode.REFERENCE,
        images=Media(least=1, most=10, forms=_URL, formats=_WEB_IMAGES),
        videos=Media(least=0, most=3, forms=_URL, formats=_MP4, longest=10),
        duration=_SHORT,
        aspect=_AUTO_FIRST,
    ),
    _evolink_1_1(
        "video-edit",
        Mode.EDIT,
        images=Media(least=0, most=10, forms=_URL, formats=_WEB_IMAGES),
        videos=Media(least=1, most=1, forms=_URL, formats=_MP4, longest=10),
    ),
    _evolink_1_1(
        "video-extend",
        Mode.EXTEND,
        videos=Media(least=1, most=1, forms=_URL, formats=_MP4, longest=30),
        duration=_SHORT,
    ),
)

_LANDSCAPE_UNLESS = Aspect(values=("16:9", "9:16"), default="16:9", lenient=True)

_APIMART_MODELS = (
    Model(
        name="gemini-omni-flash-preview",
        mode=None,
        prompt_required=False,
        price=_APIMART_PRICE,
        images=Media(least=0, most=16, forms=_URL, formats=_PHOTOS),
        videos=Media(
            least=0,
            most=1,
            forms=frozenset({Form.URL, Form.DATA_URL}),
            formats=_MP4,
            shortest=1,
            longest=24,
        ),
        aspect=_LANDSCAPE_UNLESS,
        quality=Quality(parameter="resolution", values=("720p",), default="720p"),
        extends=True,
        webhook=True,
    ),
    Model(
        name="gemini-omni-1.1-flash",
        mode=None,
        prompt_required=False,
        price=_APIMART_1_1_PRICES,
        images=Media(least=0, most=10, forms=_URL, formats=_PHOTOS),
        videos=Media(
            least=0,
            most=1,
            forms=frozenset({Form.URL, Form.DATA_URL}),
            formats=_MP4,
            shortest=1,
            longest=10,
        ),
        aspect=_LANDSCAPE_UNLESS,
        quality=Quality(parameter="resolution", values=_QUALITIES, default="720p"),
        frames=True,
        extends=True,
        tasks=("text_to_video", "image_to_video", "reference_to_video", "edit", "extend"),
        webhook=True,
    ),
)

EVOLINK: Mapping[str, Model] = {model.name: model for model in _EVOLINK_MODELS}
APIMART: Mapping[str, Model] = {model.name: model for model in _APIMART_MODELS}


@dataclass(frozen=True, kw_only=True)
class UploadRule:
    """What an upload service takes and for how long it keeps it (bytes, seconds)."""

    kinds: frozenset[str]
    most_bytes: int
    kept_seconds: int = 72 * 3600
    most_files: int = field(default=1_000_000)


EVOLINK_UPLOADS = UploadRule(
    kinds=frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4"}),
    most_bytes=100 * 1024 * 1024,
    most_files=100,
)
APIMART_UPLOADS = UploadRule(
    kinds=frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"}),
    most_bytes=20 * 1024 * 1024,
)
