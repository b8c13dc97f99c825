"""Both adapters in front of one scripted answer, for tests of what they read in it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.domain.ids import TaskId
from bot.domain.ports.provider import PreparedTask, Provider
from bot.providers.addresses import AddressPolicy
from bot.providers.apimart import ApiMart
from bot.providers.evolink import EvoLink
from bot.providers.http import HttpClient, JsonResponse
from tests.fakes.ports import OwnedClock

KEY = "Live-0123456789ABCDEF"
TASK = TaskId("task-unified-1757169743-7cvnl5zw")
PREPARED = PreparedTask(model_id="m", body={"model": "m"})


class ScriptedClient(HttpClient):
    """Gives one answer to every call."""

    def __init__(self, answer: JsonResponse) -> None:
        super().__init__(service="test", policy=AddressPolicy())
        self.answer = answer

    async def get(self, url: str, **_: Any) -> JsonResponse:
        return self.answer

    async def post(self, url: str, **_: Any) -> JsonResponse:
        return self.answer

    async def post_paid(self, url: str, **_: Any) -> JsonResponse:
        return self.answer


def evolink(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> EvoLink:
    return EvoLink(
        api_url="https://api.evolink.ai",
        files_url="https://files.evolink.ai",
        api_key=KEY,
        http=ScriptedClient(_answer(body, status, headers)),
        media_root=Path(),
        clock=OwnedClock(),
    )


def apimart(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> ApiMart:
    return ApiMart(
        api_url="https://api.apimart.ai",
        api_key=KEY,
        http=ScriptedClient(_answer(body, status, headers)),
        media_root=Path(),
        clock=OwnedClock(),
    )


def _answer(body: Any, status: int, headers: Mapping[str, str] | None) -> JsonResponse:
    if isinstance(body, bytes):
        return JsonResponse(status=status, headers=httpx.Headers(headers), is_json=False)
    return JsonResponse(status=status, headers=httpx.Headers(headers), body=body)


Adapter = Callable[..., Provider]
both = pytest.mark.parametrize("adapter", [evolink, apimart])
