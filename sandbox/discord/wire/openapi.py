"""Validates a REST exchange against Discord's own OpenAPI document, in both directions.

Owns finding and reading the document, strictness about unknown properties, and the short list of
false alarms. Must not know what the stand-in means by an answer. `jsonschema_rs` is needed only
when a document is loaded.
"""

from __future__ import annotations

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

Json = dict[str, Any]
VARIABLE = "RETAKE_DISCORD_OPENAPI"
URI = "urn:discord"
SNOWFLAKE = "SnowflakeType"
# What discord.py sends of an attachment that an edit keeps: all read-only for Discord.
KEPT_ATTACHMENT = {"content_type", "proxy_url", "size", "url", "spoiler", "width", "height"}


def document() -> Path | None:
    """The path that the environment names; None if it names none, or if nothing is there."""
    path = Path(os.environ.get(VARIABLE, ""))
    return path if path.is_file() else None


class OpenApiValidator:
    """Finds what is wrong with an exchange; an empty list when nothing is."""

    def __init__(self, spec: Json) -> None:
        import jsonschema_rs

        self._paths: Json = spec["paths"]
        self._library = jsonschema_rs
        self._requests = self._registry(_strict(spec, snowflakes_may_be_integers=True))
        self._answers = self._registry(_strict(spec, snowflakes_may_be_integers=False))
        self._known: dict[tuple[str, str, str], Any] = {}

    @classmethod
    def load(cls, path: Path | str | None = None) -> OpenApiValidator:
        found = Path(path) if path else document()
        if found is None:
            raise FileNotFoundError(
                f"Discord's OpenAPI document was not found; name it in {VARIABLE}"
            )
        return cls(json.loads(found.read_text()))

    def _registry(self, schemas: Json) -> Any:
        resource = {"components": {"schemas": schemas}}
        return self._library.Registry([(URI, resource)])

    def exchange(
        self,
        *,
        method: str,
        template: str,
        query: dict[str, str],
        request: Any,
        files: list[int] | None,
        status: int,
        response: Any,
    ) -> list[str]:
        """Everything in this exchange that Discord's document does not allow."""
        path = self._paths.get(template)
        operation = (path or {}).get(method.lower())
        if operation is None:
            return [f"{method} {template} is not in Discord's document"]
        faults = self._query(operation, query)
        faults += self._request(method, template, operation, request)
        if files is not None:
            faults += _files(request, files)
        return faults + self._answer(method, template, operation, status, response)

    def _query(self, operation: Json, query: dict[str, str]) -> list[str]:
        declared = {
            item["name"]: item for item in operation.get("parameters", []) if item["in"] == "query"
        }
        faults = [f"unknown query parameter {name}" for name in query if name not in declared]
        faults += [
            f"query parameter {name} is required"
            for name, item in declared.items()
            if item.get("required") and name not in query
        ]
        return faults

    def _request(self, method: str, template: str, operation: Json, request: Any) -> list[str]:
        described = operation.get("requestBody")
        if described is None:
            return ["request: a body where none is described"] if request is not None else []
        if request is None:
            return ["request: the body is missing"] if described.get("required") else []
        content = described["content"]
        schema = (content.get("application/json") or next(iter(content.values())))["schema"]
        cleaned = _without_false_alarms(method, template, request)
        return self._validate((method, template, "request"), schema, cleaned, self._requests)

    def _answer(
        self, method: str, template: str, operation: Json, status: int, response: Any
    ) -> list[str]:
        described = operation["responses"]
        entry = described.get(str(status)) or described.get(f"{status // 100}XX")
        if entry is None:
            return [f"answer: status {status} is not described"]
        if "$ref" in entry:
            # The two shared answers are Discord's error and its rate limit.
            name = "RatelimitedResponse" if status == 429 else "ErrorResponse"
            schema: Json = {"$ref": f"{URI}#/components/schemas/{name}"}
            response = _with_numbered_codes(response)
        elif "content" not in entry:
            return [] if response is None else [f"answer: {status} has no body"]
        else:
            schema = entry["content"]["application/json"]["schema"]
        if response is None:
            return [f"answer: {status} has a body"]
        key = (method, template, str(status) if "$ref" not in entry else schema["$ref"])
        return self._validate(key, schema, response, self._answers)

    def _validate(
        self, key: tuple[str, str, str], schema: Json, instance: Any, registry: Any
    ) -> list[str]:
        validator = self._known.get(key)
        if validator is None:
            validator = self._library.Draft202012Validator(
                _absolute(_closed(deepcopy(schema))), registry=registry, validate_formats=True
            )
            self._known[key] = validator
        side = "request" if key[2] == "request" else "answer"
        return [
            f"{side}: {'/'.join(map(str, error.instance_path)) or 'all'}: {error.message[:300]}"
            for error in validator.iter_errors(instance)
        ]


def _files(request: Any, files: list[int]) -> list[str]:
    """`files[n]` and `attachments[].id` belong together: the document cannot say so."""
    listed = request.get("attachments") if isinstance(request, dict) else None
    if listed is None and isinstance(request, dict):
        inner = request.get("data") or request.get("message")
        listed = inner.get("attachments") if isinstance(inner, dict) else None
    if listed is None:
        return []
    named = {str(item.get("id")) for item in listed}
    return [f"request: files[{n}] is in no attachment" for n in files if str(n) not in named]


def _absolute(schema: Any) -> Any:
    """References into the registry."""
    if isinstance(schema, dict):
        return {
            key: URI + value if key == "$ref" and value.startswith("#") else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema


def _strict(spec: Json, *, snowflakes_may_be_integers: bool) -> Json:
    """The schemas, closed: what a schema does not name is a violation."""
    schemas = deepcopy(spec["components"]["schemas"])
    closed = {name: _absolute(_closed(schema)) for name, schema in schemas.items()}
    # The root of every error is completed by those who refer to it: they close it.
    closed["Error"].pop("additionalProperties", None)
    # The reference knows forwarded messages (1), which this document leaves out.
    closed["MessageReferenceType"] = {"enum": [0, 1]}
    if snowflakes_may_be_integers:
        closed[SNOWFLAKE] = {"anyOf": [closed[SNOWFLAKE], {"type": "integer", "minimum": 0}]}
    return closed


def _closed(schema: Any, *, within: bool = False) -> Any:
    """Forbids unknown properties; members of an `allOf` are closed together, by their parent."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed: Json = {}
    for key, value in schema.items():
        if key == "properties":
            closed[key] = {name: _closed(item) for name, item in value.items()}
        elif key == "allOf":
            closed[key] = [_closed(item, within=True) for item in value]
        elif key in ("const", "enum", "required", "description", "example"):
            closed[key] = value
        else:
            closed[key] = _closed(value)
    properties = schema.get("properties")
    joined = any(
        isinstance(item, dict) and ("properties" in item or "$ref" in item)
        for item in schema.get("allOf", [])
    )
    is_object = schema.get("type") in (None, "object") or schema.get("type") == ["object", "null"]
    if joined and is_object:
        closed["unevaluatedProperties"] = False
    elif properties and "additionalProperties" not in schema and not within:
        closed["additionalProperties"] = False
    return closed


def _without_false_alarms(method: str, template: str, request: Any) -> Any:
    """The request without what discord.py is known to send beyond the document, and no more."""
    if isinstance(request, list):
        return [_without_false_alarms(method, template, item) for item in request]
    if not isinstance(request, dict):
        return request
    cleaned = dict(request)
    if template.endswith("/commands") or "/commands/{command_id}" in template:
        cleaned.pop("nsfw", None)
    edits = method == "PATCH" and "/messages/" in template
    if edits or (cleaned.get("type") == 7 and template.endswith("/callback")):
        cleaned.pop("tts", None)
    if isinstance(cleaned.get("embeds"), list):
        cleaned["embeds"] = [
            {key: value for key, value in embed.items() if key != "flags"}
            for embed in cleaned["embeds"]
        ]
    if isinstance(cleaned.get("attachments"), list):
        cleaned["attachments"] = [
            {key: value for key, value in item.items() if key not in KEPT_ATTACHMENT}
            for item in cleaned["attachments"]
        ]
    if template.endswith("/callback") and isinstance(cleaned.get("data"), dict):
        inner = "PATCH" if cleaned.get("type") == 7 else method
        place = "/messages/" if cleaned.get("type") == 7 else ""
        cleaned["data"] = _without_false_alarms(inner, place, cleaned["data"])
    return cleaned


def _with_numbered_codes(response: Any) -> Any:
    """Nested errors with their codes set aside: Discord sends words there, as its reference shows,
    while the document says integers.
    """
    if isinstance(response, list):
        return [_with_numbered_codes(item) for item in response]
    if not isinstance(response, dict):
        return response
    return {
        key: [item | {"code": 0} if isinstance(item.get("code"), str) else item for item in value]
        if key == "_errors"
        else _with_numbered_codes(value)
        for key, value in response.items()
    }
