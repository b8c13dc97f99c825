"""Modals: the rules of a form the bot opens, and what a person's filled form is sent as.

Owns fields, their limits and the shape of a submission. Must not know about messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.discord.rules.choices import SELECTS, Kind, check_options, check_select
from sandbox.discord.rules.components import walk
from sandbox.discord.rules.errors import Form, Refused

Json = dict[str, Any]
Path = tuple[str | int, ...]
FIELDS = {Kind.TEXT_INPUT, Kind.FILE_UPLOAD, Kind.RADIO_GROUP, Kind.CHECKBOX_GROUP, Kind.CHECKBOX}


def check_modal(form: Form, data: object) -> None:
    """The rules for a modal as the bot sends it; faults go into the form under `data`."""
    if not isinstance(data, dict):
        form.required("data")
        return
    for key, limit in (("custom_id", 100), ("title", 45)):
        if not 1 <= len(data.get(key) or "") <= limit:
            form.length(1, limit, "data", key)
    components = data.get("components")
    if not isinstance(components, list) or not 1 <= len(components) <= 5:
        form.length(1, 5, "data", "components")
        return
    custom_ids: set[str] = set()
    for index, component in enumerate(components):
        path: Path = ("data", "components", index)
        match component.get("type"):
            case Kind.ACTION_ROW:
                children = component.get("components") or []
                if len(children) != 1 or children[0].get("type") != Kind.TEXT_INPUT:
                    form.length(1, 1, *path, "components")
                    continue
                if not 1 <= len(children[0].get("label") or "") <= 45:
                    form.length(1, 45, *path, "components", 0, "label")
                _check_field(form, children[0], (*path, "components", 0), custom_ids)
            case Kind.LABEL:
                if not 1 <= len(component.get("label") or "") <= 45:
                    form.length(1, 45, *path, "label")
                if len(component.get("description") or "") > 100:
                    form.too_long(100, *path, "description")
                _check_field(form, component.get("component"), (*path, "component"), custom_ids)
            case Kind.TEXT_DISPLAY:
                if not 1 <= len(component.get("content") or "") <= 4000:
                    form.length(1, 4000, *path, "content")
            case _:
                form.add(
                    (*path, "type"),
                    "UNION_TYPE_CHOICES",
                    'Value of field "type" must be one of (1, 10, 18).',
                )


def _check_field(form: Form, component: object, path: Path, custom_ids: set[str]) -> None:
    if not isinstance(component, dict) or component.get("type") not in FIELDS | SELECTS:
        form.add((*path, "type"), "UNION_TYPE_CHOICES", "This component cannot be used in a modal.")
        return
    custom_id = component.get("custom_id") or ""
    if not 1 <= len(custom_id) <= 100:
        form.length(1, 100, *path, "custom_id")
    elif custom_id in custom_ids:
        form.add(
            (*path, "custom_id"),
            "COMPONENT_CUSTOM_ID_DUPLICATED",
            "Component custom id cannot be duplicated",
        )
    custom_ids.add(custom_id)
    kind = component["type"]
    if kind in SELECTS:
        check_select(form, component, path)
    elif kind == Kind.TEXT_INPUT:
        if component.get("style") not in (1, 2):
            form.choice((1, 2), *path, "style")
        for key, limit in (("value", 4000), ("placeholder", 100)):
            if len(component.get(key) or "") > limit:
                form.too_long(limit, *path, key)
        if len(component.get("value") or "") > (component.get("max_length") or 4000):
            form.too_long(component["max_length"], *path, "value")
    elif kind in (Kind.RADIO_GROUP, Kind.CHECKBOX_GROUP):
        options = component.get("options") or []
        fewest = 2 if kind == Kind.RADIO_GROUP else 1
        if not fewest <= len(options) <= 10:
            form.length(fewest, 10, *path, "options")
        check_options(form, options, (*path, "options"))
    elif kind == Kind.FILE_UPLOAD and not 1 <= (component.get("max_values") or 1) <= 10:
        form.add((*path, "max_values"), "NUMBER_TYPE_MAX", "int value should be between 1 and 10.")


def submission(modal: Json, values: Json, attach: Callable[[list[str]], list[str]]) -> list[Json]:
    """The filled form in the modal's own shape; `attach` turns upload ids into attachment ids."""
    known = {field["custom_id"] for field in walk(modal["components"]) if "custom_id" in field}
    if strange := set(values) - known:
        raise Refused(f"the modal has no field {min(strange)!r}")
    numbers = iter(range(1, 100))

    def one(component: Json) -> Json:
        sent: Json = {"type": component["type"], "id": component.get("id") or next(numbers)}
        match component["type"]:
            case Kind.ACTION_ROW:
                sent["components"] = [one(child) for child in component["components"]]
            case Kind.LABEL:
                sent["component"] = one(component["component"])
            case Kind.TEXT_DISPLAY:
                pass
            case _:
                sent |= _filled(component, values, attach)
        return sent

    return [one(component) for component in modal["components"]]


def _filled(field: Json, values: Json, attach: Callable[[list[str]], list[str]]) -> Json:
    custom_id = field["custom_id"]
    required = field.get("required") is not False
    value = values.get(custom_id)
    sent: Json = {"custom_id": custom_id}
    match field["type"]:
        case Kind.TEXT_INPUT:
            text = field.get("value") or "" if value is None else str(value)
            if required and not text:
                raise Refused(f"{custom_id} is required")
            if text and len(text) < (field.get("min_length") or 0):
                raise Refused(f"{custom_id} needs at least {field['min_length']} characters")
            if len(text) > (field.get("max_length") or 4000):
                raise Refused(
                    f"{custom_id} takes at most {field.get('max_length') or 4000} characters"
                )
            return sent | {"value": text}
        case Kind.CHECKBOX:
            return sent | {"value": bool(field.get("default") if value is None else value)}
        case Kind.RADIO_GROUP:
            chosen = _chosen(field, value, required=required)
            return sent | {"value": chosen[0] if chosen else None}
        case Kind.FILE_UPLOAD:
            uploads = _listed(value)
            _count(field, uploads, required=required)
            return sent | {"values": attach(uploads)}
        case _:
            return sent | {"values": _chosen(field, value, required=required)}


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _chosen(field: Json, value: object, *, required: bool) -> list[str]:
    options = field.get("options")
    chosen = _listed(value)
    if value is None and options:
        chosen = [option["value"] for option in options if option.get("default")]
    if options and (strange := set(chosen) - {option["value"] for option in options}):
        raise Refused(f"{field['custom_id']} offers no {min(strange)!r}")
    _count(field, chosen, required=required)
    return chosen


def _count(field: Json, chosen: list[str], *, required: bool) -> None:
    low = field.get("min_values")
    low = 1 if low is None else low
    if chosen or required:
        if len(chosen) < (low if required else min(low, 1)):
            raise Refused(f"{field['custom_id']} is required")
        everything = len(field["options"]) if field["type"] == Kind.CHECKBOX_GROUP else 1
        high = field.get("max_values") or everything
        if len(chosen) > high:
            raise Refused(f"{field['custom_id']} takes at most {high}")
