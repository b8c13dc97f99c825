"""Links as providers and storage services give them: found in answers, and sent byte for byte.

A signed link is a key: its signature covers the bytes as they were given, so quoting any of them in
another way breaks it. Owns the reading of links; where may be connected to is ``addresses``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin

LONGEST = 8192
_LINK = re.compile(r"(?i)(https?://)([^/?#\\\s]+)(.*)", re.DOTALL)
_ABSOLUTE = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")
# Every sign that may stand in a URL, "%" included: what is quoted stays as it is.
_KEPT = "%!#$&'()*+,/:;=?@[]~-._"
_NOT_THE_VIDEO = re.compile(
    r"(?<![a-z])(?:video|first|last|key)?"
    r"(?:cover|thumb|poster|preview|image|frame|gif|audio|input|source|reference|callback|webhook)"
)
# What the model was asked to do says nothing against its result: "image_to_video".
_MADE_FROM = re.compile(r"[a-z]+?[\s_-]*(?:to|2)[\s_-]*video")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_RESULT_FIELDS = (
    "results", "result_data", "result", "output", "outputs", "videos", "video", "video_url", "url",
)  # fmt: skip
"""Where a finished task names its video: by the pages, by official clients, by other providers.

A list of links beside them (``video_urls``) may be what was given, not what was made.
"""
_PICTURE = re.compile(r"(?i)\.(jpe?g|png|webp|gif|avif|heic|svg|json|txt|html?)$")
_DEEPEST = 6


def tidy(url: str) -> str:
    """Return a link that can be sent: signs that no URL may hold are quoted, all others kept.

    "" where it is no http(s) link of sane length.
    """
    found = _LINK.fullmatch(url.strip())
    if found is None or len(url) > LONGEST:
        return ""
    scheme, host, rest = found.groups()
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return ""
    return scheme.lower() + host + quote(rest.partition("#")[0], safe=_KEPT, errors="replace")


def joined(url: str, location: str) -> str:
    """Return where a redirect leads, as the server wrote it."""
    return location if _ABSOLUTE.match(location) else urljoin(url, location)


def results_of(task: Mapping[str, Any], *, completed: bool) -> tuple[str, ...]:
    """Return every link of a task that may be its video, as ``videos_in``.

    A bare ``url`` may be where the task itself is asked about, unless it is ``completed``.
    """
    names = _RESULT_FIELDS if completed else _RESULT_FIELDS[:-1]
    return videos_in([task.get(name) for name in names])


def videos_in(value: Any) -> tuple[str, ...]:
    """Return every link in a result that may be the video, each once, the likely ones first.

    Fields that are named for something else (a cover, a thumbnail) are passed over; a link that
    looks like a picture comes last.
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
        # "video_url" before "url": where both stand, the second may be anything.
        for name in sorted(names, key=lambda name: "video" not in str(name).lower()):
            yield from _texts(value[name], depth - 1)


def _is_named_otherwise(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    words = _MADE_FROM.sub("video", _HUMP.sub("_", name).lower())
    return _NOT_THE_VIDEO.search(words) is not None


def _looks_like_a_picture(url: str) -> bool:
    return _PICTURE.search(url.partition("?")[0]) is not None
