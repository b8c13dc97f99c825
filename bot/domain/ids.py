"""Identifiers, and the two values derived from them: a message's nonce and a request's key.

Owns how an id is made. Knows nothing of what the ids point to.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import NewType

GenerationId = NewType("GenerationId", str)
ConversationId = NewType("ConversationId", str)
WorkerId = NewType("WorkerId", str)
TaskId = NewType("TaskId", str)
GuildId = NewType("GuildId", int)
ChannelId = NewType("ChannelId", int)
MessageId = NewType("MessageId", int)
UserId = NewType("UserId", int)

DIRECT = GuildId(0)
"""The "server" of direct messages: quotas and conversations there belong to no guild."""


def _new(now: datetime, random: Callable[[int], bytes]) -> str:
    milliseconds = int(now.timestamp() * 1000)
    raw = milliseconds.to_bytes(6, "big") + random(6)
    return base64.b32hexencode(raw).decode().rstrip("=").lower()


def new_generation_id(
    now: datetime, random: Callable[[int], bytes] = secrets.token_bytes
) -> GenerationId:
    """A fresh id of 20 characters ``[0-9a-v]`` that sorts by the time it was made."""
    return GenerationId(_new(now, random))


def new_conversation_id(
    now: datetime, random: Callable[[int], bytes] = secrets.token_bytes
) -> ConversationId:
    """A fresh id of 20 characters ``[0-9a-v]`` that sorts by the time it was made."""
    return ConversationId(_new(now, random))


def new_worker_id(now: datetime, random: Callable[[int], bytes] = secrets.token_bytes) -> WorkerId:
    """A fresh id of 20 characters ``[0-9a-v]``, one per process start."""
    return WorkerId(_new(now, random))


def message_nonce(generation_id: GenerationId, purpose: str) -> str:
    """The nonce of the one message that serves ``purpose`` for a generation: 24 characters.

    The same generation and purpose always give the same nonce, so a repeated send within Discord's
    few minutes of memory returns the first message instead of making a second one.
    """
    digest = hashlib.blake2b(f"{generation_id}:{purpose}".encode(), digest_size=15).digest()
    return base64.b32encode(digest).decode().lower()


def idempotency_key(generation_id: GenerationId, attempt: int) -> str:
    """The ``Idempotency-Key`` of one attempt: 16 to 96 characters of ``[A-Za-z0-9._-]``."""
    return f"retake-{generation_id}-{attempt}"
