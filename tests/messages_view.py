"""Reading what a person sees: the words and buttons of messages and of an interaction's answers."""

from typing import Any

Json = dict[str, Any]
EPHEMERAL = 64


def words(message: Json) -> str:
    """All text of a message, however deep its components are nested."""
    found = [message.get("content") or ""]
    waiting = list(message.get("components", ()))
    while waiting:
        part = waiting.pop(0)
        found.append(part.get("content") or "")
        waiting = [*part.get("components", ()), *waiting]
    return "\n".join(part for part in found if part)


def buttons(message: Json) -> dict[str, str]:
    """The buttons of a message by label, each with its custom id or link."""
    found: dict[str, str] = {}
    waiting = list(message.get("components", ()))
    while waiting:
        part = waiting.pop(0)
        if part["type"] == 2:
            found[part.get("label", "")] = part.get("custom_id") or part.get("url", "")
        waiting = [*part.get("components", ()), *waiting]
        waiting += [part["accessory"]] if part.get("accessory") else []
    return found


def answered_text(interaction: Json) -> str:
    """All words of an interaction's answers, each of which only this person may see."""
    for message in interaction["responses"]:
        assert message["flags"] & EPHEMERAL, message
    return "\n".join(words(message) for message in interaction["responses"])
