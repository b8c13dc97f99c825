"""What an embed may be, alone and together with the others of its message.

Owns the limits of embeds and how Discord keeps them.
"""

from __future__ import annotations

from typing import Any

from sandbox.discord.rules.errors import Form

Json = dict[str, Any]
EMBED_LIMITS = {"title": 256, "description": 4096}
EMBED_TEXTS = ("title", "description")


def check_embeds(form: Form, body: Json) -> list[Json] | None:
    if "embeds" not in body:
        return None
    embeds = body["embeds"] or []
    if len(embeds) > 10:
        form.add(("embeds",), "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = 0
    kept = []
    for index, embed in enumerate(embeds):
        for key, limit in EMBED_LIMITS.items():
            if len(embed.get(key) or "") > limit:
                form.too_long(limit, "embeds", index, key)
        total += sum(len(embed.get(key) or "") for key in EMBED_TEXTS)
        footer, author = embed.get("footer") or {}, embed.get("author") or {}
        for part, key, limit in ((footer, "text", 2048), (author, "name", 256)):
            where = "footer" if part is footer else "author"
            if len(part.get(key) or "") > limit:
                form.too_long(limit, "embeds", index, where, key)
            total += len(part.get(key) or "")
        fields = embed.get("fields") or []
        if len(fields) > 25:
            form.add(
                ("embeds", index, "fields"),
                "BASE_TYPE_MAX_LENGTH",
                "Must be 25 or fewer in length.",
            )
        for number, item in enumerate(fields):
            for key, limit in (("name", 256), ("value", 1024)):
                if not item.get(key):
                    form.required("embeds", index, "fields", number, key)
                elif len(item[key]) > limit:
                    form.too_long(limit, "embeds", index, "fields", number, key)
            total += len(item.get("name") or "") + len(item.get("value") or "")
        if not any(value for key, value in embed.items() if key not in ("type", "flags", "color")):
            form.required("embeds", index, "description")
        kept.append(kept_embed(embed))
    if total > 6000:
        form.add(
            ("embeds",),
            "MAX_EMBED_SIZE_EXCEEDED",
            "Embed size exceeds maximum size of 6000",
        )
    return kept


def kept_embed(embed: Json) -> Json:
    kept = {key: value for key, value in embed.items() if value is not None}
    kept["type"] = "rich"
    kept.pop("flags", None)
    for item in kept.get("fields", []):
        item.setdefault("inline", False)
    return kept
