"""Links in responses of providers and storage services.

A signature covers the bytes of a link, so links are sent byte for byte: quoting any of them
differently breaks it. Which addresses are allowed is in ``addresses``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin

_MAX_LENGTH = 8192
_LINK = re.compile(r"(?i)(https?://)([^/?#\\\s]+)(.*)", re.DOTALL)
_ABSOLUTE = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")
# Every character that a URL may hold, "%" included: quoted characters stay quoted.
_KEPT = "%!#$&'()*+,/:;=?@[]~-._"
_NOT_THE_VIDEO = re.compile(
    r"(?<![a-z])(?:video|first|last|key)?"
    r"(?:cover|thumb|poster|preview|image|frame|gif|audio|input|source|reference|callback|webhook)"
)
# The name of a task does not count: "image_to_video".
_MADE_FROM = re.compile(r"[a-z]+?[\s_-]*(?:to|2)[\s_-]*video")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_RESULT_FIELDS = (
    "results", "result_data", "result", "output", "outputs", "videos", "video", "video_url", "url",
)  # fmt: skip
"""The fields in which a finished task may name its video.

They are from the pages, official clients and other providers. ``video_urls`` is not one of them: it
may be the input.
"""
_PICTURE = re.compile(r"(?i)\.(jpe?g|png|webp|gif|avif|heic|svg|json|txt|html?)$")
_DEEPEST = 6


def tidy(url: str) -> str:
    """Return a link with invalid characters quoted and all others unchanged.

    Returns "" if it is not an http(s) link, or too long.
    """
    found = _LINK.fullmatch(url.strip())
    if found is None or len(url) > _MAX_LENGTH:
        return ""
    scheme, host, rest = found.groups()
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return ""
    return scheme.lower() + host + quote(rest.partition("#")[0], safe=_KEPT, errors="replace")


def joined(url: str, location: str) -> str:
    """Return the target of a redirect, as the server wrote it."""
    return location if _ABSOLUTE.match(location) else urljoin(url, location)


def results_of(task: Mapping[str, Any], *, completed: bool) -> tuple[str, ...]:
    """Return every link of a task that may be its video, as ``videos_in``.

    Unless the task is ``completed``, its ``url`` may be the address of the task itself.
    """
    names = _RESULT_FIELDS if completed else _RESULT_FIELDS[:-1]
    return videos_in([task.get(name) for name in names])


def videos_in(value: Any) -> tuple[str, ...]:
    """Return every link in a result that may be the video, each once, the likely ones first.

    Fields whose name means something else (a cover, a thumbnail) are skipped. A link that looks
    like a picture comes last.
    """
    found = dict.fromkeys(filter(None, map(tidy, _texts(value, _DEEPEST))))
    return tuple(sorted(found, key=_looks_like_a_picture))


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)
    elif isinstance(value, dict) and depth and not _is_named_otherwise(value.get("type")):
        names = [name for name in value if not _is_named_otherwise(name)]
        # "video_url" comes before "url", which may be anything next to it.
        for name in sorted(names, key=lambda name: "video" not in str(name).lower()):
            yield from _texts(value[name], depth - 1)


def _is_named_otherwise(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    words = _MADE_FROM.sub("video", _HUMP.sub("_", name).lower())
    return _NOT_THE_VIDEO.search(words) is not None


def _looks_like_a_picture(url: str) -> bool:
    return _PICTURE.search(url.partition("?")[0]) is not None
