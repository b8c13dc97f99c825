"""Message components, both generations: the rules of a layout, and how Discord keeps it.

Owns counting, nesting, custom ids, media references and the defaults filled into what is answered.
Must not know about modals (`modals`) or about the rest of a message (`message_rules`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord.rules.choices import SELECTS, Kind, check_select
from sandbox.discord.rules.errors import Form
from sandbox.discord.state.models import Attachment

Json = dict[str, Any]
Path = tuple[str | int, ...]
IN_ROW = {2, *SELECTS}
TOP_V2 = {1, 9, 10, 12, 13, 14, 17}
IN_CONTAINER = TOP_V2 - {17}
LINK, PREMIUM = 5, 6


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component of a layout, through rows, sections, containers and labels."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        for single in ("accessory", "component"):
            if component.get(single):
                yield from walk([component[single]])


@dataclass
class Layout:
    """One message's components being checked; faults go into the form, with their paths."""

    form: Form
    v2: bool
    files: Mapping[str, Attachment]
    custom_ids: set[str] = field(default_factory=set)
    _free_ids: Iterator[int] = field(default_factory=lambda: iter(()))

    def check(self, components: object) -> list[Json]:
        """The layout as Discord keeps it. Faults are in the form; then the result is worthless."""
        if not isinstance(components, list):
            self.form.add(("components",), "LIST_TYPE_CONVERT", "Only iterables may be used.")
            return []
        if not self.v2 and len(components) > 5:
            self.form.length(1, 5, "components")
        top = TOP_V2 if self.v2 else {1}
        for index, component in enumerate(components):
            self._one(component, ("components", index), top)
        if self.form:
            return []
        if self.v2:
            self._totals(components)
        self._ids(components)
        return [] if self.form else [self._kept(component) for component in components]

    def _totals(self, components: list[Json]) -> None:
        everything = list(walk(components))
        if len(everything) > 40:
            self.form.add(
                ("components",),
                "COMPONENT_LAYOUT_MAX_COMPONENTS_EXCEEDED",
                f"The total number of components ({len(everything)}) must not exceed 40.",
            )
        texts = [item["content"] for item in everything if item["type"] == Kind.TEXT_DISPLAY]
        if sum(map(len, texts)) > 4000:
            self.form.add(
                ("components",),
                "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
                "Total size of all displayable text cannot exceed 4000.",
            )

    def _ids(self, components: list[Json]) -> None:
        given = [item["id"] for item in walk(components) if item.get("id")]
        if len(given) != len(set(given)):
            self.form.add(
                ("components",), "COMPONENT_ID_DUPLICATED", "Component ids must be unique."
            )
        self._free_ids = (number for number in range(1, 1000) if number not in set(given))

    def _one(self, component: object, path: Path, allowed: set[int]) -> None:
        if not isinstance(component, dict):
            self.form.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used.")
            return
        kind = component.get("type")
        if kind not in allowed:
            choices = ", ".join(map(str, sorted(allowed)))
            self.form.add(
                (*path, "type"),
                "UNION_TYPE_CHOICES",
                f'Value of field "type" must be one of ({choices}).',
            )
            return
        match kind:
            case Kind.ACTION_ROW:
                self._row(component, path)
            case Kind.BUTTON:
                self._button(component, path)
            case Kind.SECTION:
                self._section(component, path)
            case Kind.TEXT_DISPLAY:
                content = component.get("content")
                if not isinstance(content, str) or not 1 <= len(content) <= 4000:
                    self.form.length(1, 4000, *path, "content")
            case Kind.THUMBNAIL:
                self._media(component.get("media"), (*path, "media"))
            case Kind.MEDIA_GALLERY:
                self._gallery(component, path)
            case Kind.FILE:
                self._media(component.get("file"), (*path, "file"), attached=True)
            case Kind.CONTAINER:
                self._children(component, path, IN_CONTAINER, most=40)
            case Kind.SEPARATOR:
                if component.get("spacing", 1) not in (1, 2):
                    self.form.choice((1, 2), *path, "spacing")
            case _:
                check_select(self.form, component, path)
                self._custom_id(component, path)

    def _children(self, parent: Json, path: Path, allowed: set[int], *, most: int) -> list[Any]:
        """Check what a component holds; the children, when their number is allowed."""
        children = parent.get("components")
        if not isinstance(children, list) or not 1 <= len(children) <= most:
            self.form.length(1, most, *path, "components")
            return []
        for index, child in enumerate(children):
            self._one(child, (*path, "components", index), allowed)
        return children

    def _row(self, row: Json, path: Path) -> None:
        children = self._children(row, path, IN_ROW, most=5)
        kinds = {child.get("type") for child in children if isinstance(child, dict)}
        if kinds & SELECTS and len(children) > 1:
            self.form.add(
                (*path, "components"),
                "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
                "The specified component exceeds the maximum width",
            )

    def _button(self, button: Json, path: Path) -> None:
        style = button.get("style")
        if style not in range(1, 7):
            self.form.choice((1, 2, 3, 4, 5, 6), *path, "style")
            return
        if len(button.get("label") or "") > 80:
            self.form.too_long(80, *path, "label")
        if style != PREMIUM and not button.get("label") and not button.get("emoji"):
            self.form.add(
                path, "BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji"
            )
        other = "custom_id" if style == LINK else "url"
        if style != PREMIUM and button.get(other):
            self.form.add(
                (*path, other),
                "BUTTON_COMPONENT_CUSTOM_ID_AND_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
        if style == LINK:
            if not button.get("url"):
                self.form.add(
                    (*path, "url"),
                    "BUTTON_COMPONENT_URL_REQUIRED",
                    "A url is required",
                )
            elif len(button["url"]) > 512:
                self.form.too_long(512, *path, "url")
            elif not button["url"].startswith(("http://", "https://", "discord://")):
                self.form.add(
                    (*path, "url"),
                    "URL_TYPE_INVALID_SCHEME",
                    "Scheme must be one of ('http', 'https', 'discord').",
                )
        elif style != PREMIUM:
            self._custom_id(button, path)

    def _custom_id(self, component: Json, path: Path) -> None:
        custom_id = component.get("custom_id")
        if not custom_id:
            self.form.add(
                (*path, "custom_id"),
                "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
                "A custom id is required",
            )
        elif len(custom_id) > 100:
            self.form.too_long(100, *path, "custom_id")
        elif custom_id in self.custom_ids:
            self.form.add(
                (*path, "custom_id"),
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            )
        else:
            self.custom_ids.add(custom_id)

    def _section(self, section: Json, path: Path) -> None:
        self._children(section, path, {Kind.TEXT_DISPLAY}, most=3)
        if not section.get("accessory"):
            self.form.required(*path, "accessory")
        else:
            self._one(section["accessory"], (*path, "accessory"), {Kind.BUTTON, Kind.THUMBNAIL})

    def _gallery(self, gallery: Json, path: Path) -> None:
        items = gallery.get("items")
        if not isinstance(items, list) or not 1 <= len(items) <= 10:
            self.form.length(1, 10, *path, "items")
            return
        for index, item in enumerate(items):
            self._media(item.get("media"), (*path, "items", index, "media"))
            if len(item.get("description") or "") > 1024:
                self.form.too_long(1024, *path, "items", index, "description")

    def _media(self, media: object, path: Path, *, attached: bool = False) -> None:
        url = media.get("url") if isinstance(media, dict) else None
        if not url:
            self.form.required(*path, "url")
        elif url.startswith("attachment://"):
            if url.removeprefix("attachment://") not in self.files:
                self.form.add(
                    (*path, "url"),
                    "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                    f"The referenced attachment in {url} was not found",
                )
        elif attached:
            self.form.add(
                (*path, "url"),
                "UNFURLED_MEDIA_ITEM_ATTACHMENT_REQUIRED",
                "Only attachment:// references may be used here.",
            )
        elif not url.startswith(("http://", "https://")):
            self.form.add(
                (*path, "url"),
                "URL_TYPE_INVALID_SCHEME",
                "Scheme must be one of ('http', 'https', 'attachment').",
            )

    def _kept(self, component: Json) -> Json:
        kept = {key: value for key, value in component.items() if value is not None}
        kept["id"] = component.get("id") or next(self._free_ids)
        kind = component["type"]
        if "emoji" in kept:
            kept["emoji"] = _known(kept["emoji"])
        if kind == Kind.STRING_SELECT:
            kept["options"] = [
                _known(option)
                | ({"emoji": _known(emoji)} if (emoji := option.get("emoji")) else {})
                for option in kept["options"]
            ]
        if "components" in kept:
            kept["components"] = [self._kept(child) for child in kept["components"]]
        if kind in SELECTS:
            kept = {"min_values": 1, "max_values": 1} | kept
            kept.pop("required", None)
        elif kind == Kind.SECTION:
            kept["accessory"] = self._kept(kept["accessory"])
        elif kind == Kind.THUMBNAIL:
            kept = {"description": None, "spoiler": False} | kept
            kept["media"] = self._unfurled(kept["media"])
        elif kind == Kind.MEDIA_GALLERY:
            kept["items"] = [
                {
                    "media": self._unfurled(item["media"]),
                    "description": item.get("description"),
                    "spoiler": bool(item.get("spoiler")),
                }
                for item in kept["items"]
            ]
        elif kind == Kind.FILE:
            file = self.files[kept["file"]["url"].removeprefix("attachment://")]
            kept = {"spoiler": False, "name": file.filename, "size": file.size} | kept
            kept["file"] = self._unfurled(kept["file"])
        elif kind == Kind.SEPARATOR:
            kept = {"divider": True, "spacing": 1} | kept
        elif kind == Kind.CONTAINER:
            kept = {"accent_color": None, "spoiler": False} | kept
        return kept

    def _unfurled(self, media: Json) -> Json:
        """A reference resolved: to the attachment, or to the address as it was given."""
        url = media["url"]
        if not url.startswith("attachment://"):
            return {"id": "0", "url": url, "proxy_url": url}
        file = self.files[url.removeprefix("attachment://")]
        return {"id": file.id, "attachment_id": file.id, "url": url, "proxy_url": url}


def _known(part: Json) -> Json:
    """Without what is null: a unicode emoji comes back without an id, however it was sent."""
    return {key: value for key, value in part.items() if value is not None}
