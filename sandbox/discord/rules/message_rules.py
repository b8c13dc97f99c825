"""What a message may be: lengths, embeds, mentions, files, and content against layout.

Owns the rules that Discord enforces on a message's body and turns a good body into a `Draft`. Must
not store anything, nor know who may write where (`messages`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.discord.rules.components import Layout
from sandbox.discord.rules.embeds import check_embeds
from sandbox.discord.rules.errors import DiscordError, Form, invalid
from sandbox.discord.state.cdn import Cdn, safe_name
from sandbox.discord.state.models import Attachment, Message, MessageFlag

Json = dict[str, Any]
SETTABLE = (
    MessageFlag.SUPPRESS_EMBEDS
    | MessageFlag.EPHEMERAL
    | MessageFlag.SUPPRESS_NOTIFICATIONS
    | MessageFlag.COMPONENTS_V2
)


@dataclass(kw_only=True)
class Upload:
    """One file of a request, already on disk."""

    index: int
    filename: str
    path: Path
    size: int
    claimed: bool = False


@dataclass(kw_only=True)
class Draft:
    """A message body that passed the rules; a field is None when an edit leaves it as it is."""

    content: str | None = None
    embeds: list[Json] | None = None
    components: list[Json] | None = None
    attachments: list[Attachment] | None = None
    flags: int = 0
    allowed_mentions: Json | None = None
    fields: set[str] = field(default_factory=set)


class MessageRules:
    """Checks a body and gathers every fault before refusing it, as Discord does."""

    def __init__(self, cdn: Cdn) -> None:
        self._cdn = cdn

    def draft(
        self,
        body: object,
        uploads: Mapping[int, Upload],
        *,
        channel_id: str,
        editing: Message | None = None,
        content_limit: int = 2000,
        at: tuple[str | int, ...] = (),
        may_be_empty: bool = False,
    ) -> Draft:
        """The body as a draft, or Discord's 50035 with everything that is wrong with it."""
        form = _Within(at)
        if body is None:
            body = {}
        if not isinstance(body, dict):
            raise invalid("MODEL_TYPE_CONVERT", "Only dictionaries may be used", *at)
        draft = Draft(fields=set(body))
        flags = body.get("flags") or 0
        if not isinstance(flags, int):
            form.add(("flags",), "NUMBER_TYPE_COERCE", f'Value "{flags}" is not int.')
            flags = 0
        draft.flags = flags & SETTABLE
        v2 = bool(draft.flags & MessageFlag.COMPONENTS_V2) or bool(editing and editing.is_v2)
        draft.content = self._content(form, body, content_limit)
        draft.embeds = check_embeds(form, body)
        draft.allowed_mentions = _allowed_mentions(form, body)
        for unsupported in ("poll", "sticker_ids"):
            if body.get(unsupported):
                form.add((unsupported,), "NOT_OFFERED", "The stand-in does not offer this.")
        names = self._files(form, body, uploads, editing)
        form.check()
        draft.attachments = self._attach(body, uploads, editing, channel_id)
        if body.get("components") is not None:
            by_name: dict[str, Attachment] = {}
            for file in draft.attachments if draft.attachments is not None else []:
                by_name[file.filename] = file
            if draft.attachments is None and editing:
                by_name = {file.filename: file for file in editing.attachments}
            by_name |= {raw: by_name[kept] for raw, kept in names.items() if kept in by_name}
            draft.components = Layout(form, v2, by_name).check(body["components"])
        elif "components" in body:
            draft.components = []
        self._as_a_whole(form, draft, editing, v2=v2, may_be_empty=may_be_empty)
        form.check()
        return draft

    def _content(self, form: Form, body: Json, limit: int) -> str | None:
        if "content" not in body:
            return None
        content = body["content"]
        if content is None:
            return ""
        if not isinstance(content, str):
            form.add(("content",), "STRING_TYPE_CONVERT", "Could not interpret as string.")
            return ""
        if len(content) > limit:
            form.too_long(limit, "content")
        return content.strip()

    def _files(
        self, form: Form, body: Json, uploads: Mapping[int, Upload], editing: Message | None
    ) -> dict[str, str]:
        """Checks the list of attachments; answers each name as given → as it will be kept."""
        listed = body.get("attachments")
        present = {file.id: file.filename for file in editing.attachments} if editing else {}
        names = {}
        if listed is None:
            names = {upload.filename: safe_name(upload.filename) for upload in uploads.values()}
        for index, item in enumerate(listed or []):
            given = str(item.get("id", ""))
            if given in present:
                names[present[given]] = present[given]
            elif given.isdecimal() and len(given) < 5 and int(given) in uploads:
                name = item.get("filename") or uploads[int(given)].filename
                names[name] = safe_name(name)
            else:
                form.add(
                    ("attachments", index, "id"),
                    "ATTACHMENT_NOT_FOUND",
                    f"The attachment {given} was not found",
                )
            if len(item.get("description") or "") > 1024:
                form.too_long(1024, "attachments", index, "description")
        count = len(listed) if listed is not None else len(uploads) + len(present)
        if count > 10:
            form.add(("attachments",), "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
        return names

    def _attach(
        self,
        body: Json,
        uploads: Mapping[int, Upload],
        editing: Message | None,
        channel_id: str,
    ) -> list[Attachment] | None:
        """The attachments the message will have; None when an edit does not touch them."""
        listed: list[Json] | None = body.get("attachments")
        present = {file.id: file for file in editing.attachments} if editing else {}
        if listed is None and "attachments" in body:
            listed = []
        if listed is None:
            if not uploads:
                return None if editing else []
            listed = [{"id": key} for key in present]
            listed += [{"id": upload.index} for upload in uploads.values()]
        kept = []
        for item in listed:
            if file := present.get(str(item["id"])):
                if "description" in item:
                    file.description = item["description"]
                kept.append(file)
                continue
            upload = uploads[int(item["id"])]
            upload.claimed = True
            name = item.get("filename") or upload.filename
            if item.get("is_spoiler") and not name.startswith("SPOILER_"):
                name = f"SPOILER_{name}"
            kept.append(
                self._cdn.attachment(
                    upload.path,
                    name,
                    channel_id=channel_id,
                    description=item.get("description"),
                )
            )
        return kept

    def _as_a_whole(
        self,
        form: Form,
        draft: Draft,
        editing: Message | None,
        *,
        v2: bool,
        may_be_empty: bool,
    ) -> None:
        if v2:
            for key, value in (("content", draft.content), ("embeds", draft.embeds)):
                left = editing and not editing.is_v2 and value is None and getattr(editing, key)
                if value or left:
                    form.add(
                        (key,),
                        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                        f"The '{key}' field cannot be used when using "
                        "MessageFlags.IS_COMPONENTS_V2",
                    )
            if not editing and not draft.components and not may_be_empty and not form:
                form.required("components")
            return
        if form or may_be_empty:
            return

        def now(key: str) -> Any:
            value = getattr(draft, key)
            return getattr(editing, key) if value is None and editing else value

        if not any(now(key) for key in ("content", "embeds", "components", "attachments")):
            raise DiscordError(400, 50006, "Cannot send an empty message")


class _Within(Form):
    """A form whose faults are all found below one path (an interaction's `data`)."""

    def __init__(self, at: tuple[str | int, ...]) -> None:
        super().__init__()
        self._at = at

    def add(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        super().add((*self._at, *path), code, message)


def _allowed_mentions(form: Form, body: Json) -> Json | None:
    allowed = body.get("allowed_mentions")
    if allowed is None:
        return None
    parse = allowed.get("parse") or []
    for kind in ("users", "roles"):
        listed = allowed.get(kind) or []
        if kind in parse and listed:
            form.add(
                ("allowed_mentions", "parse"),
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )
        if len(listed) > 100:
            form.add(
                ("allowed_mentions", kind),
                "BASE_TYPE_MAX_LENGTH",
                "Must be 100 or fewer in length.",
            )
    for index, kind in enumerate(parse):
        if kind not in ("users", "roles", "everyone"):
            form.choice(("users", "roles", "everyone"), "allowed_mentions", "parse", index)
    return allowed
