"""Idempotency: a key, the request it came with, and the task it paid for.

Owns the promise that one key makes one task, also when the same request comes twice at once. Knows
nothing of HTTP.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sandbox.providers.submission import Refused
from sandbox.providers.tasks import Task


@dataclass(frozen=True, kw_only=True)
class _Receipt:
    fingerprint: str
    task: asyncio.Future[Task | None]


class Receipts:
    """The keys of one provider; how long a real one keeps them is unknown, here it is for ever.

    ``conflict`` is the error code for a key that came with another body.
    """

    def __init__(self, *, conflict: str | None = None) -> None:
        self._conflict = conflict
        self._by_key: dict[str, _Receipt] = {}

    async def once(
        self, key: str, body: Any, accept: Callable[[], Awaitable[Task]]
    ) -> tuple[Task, bool]:
        """The task of a key, and whether it had been made before.

        A refused request leaves its key free. Refused with 409 when the key came with another body.
        """
        fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        while (receipt := self._by_key.get(key)) is not None:
            if receipt.fingerprint != fingerprint:
                raise Refused(
                    "the Idempotency-Key was used with another request",
                    status=409,
                    code=self._conflict,
                )
            task = await asyncio.shield(receipt.task)
            if task is not None:
                return task, True
        receipt = _Receipt(fingerprint=fingerprint, task=asyncio.Future())
        self._by_key[key] = receipt
        try:
            task = await accept()
            receipt.task.set_result(task)
        finally:
            if not receipt.task.done():
                # Refused: a call that waited for the answer tries itself.
                del self._by_key[key]
                receipt.task.set_result(None)
        return task, False
