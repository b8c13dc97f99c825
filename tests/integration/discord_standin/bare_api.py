"""Bare requests to Discord's REST interface, for what no client library would send."""

import json
from typing import Any

import aiohttp

from sandbox.discord import DiscordStandIn

Json = dict[str, Any]


class BareApi:
    """Requests with the bot's token."""

    def __init__(self, standin: DiscordStandIn, session: aiohttp.ClientSession) -> None:
        self._standin = standin
        self._session = session
        self._url = f"{standin.base_url}/api/v10"
        self._headers = {"Authorization": f"Bot {standin.token}"}

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(
            method, self._url + path, json=body, headers=self._headers
        ) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def files(self, path: str, payload: Json, *names: str) -> tuple[int, Any]:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", json.dumps(payload))
        for index, name in enumerate(names):
            form.add_field(f"files[{index}]", b"bytes", filename=name)
        async with self._session.post(
            self._url + path, data=form, headers=self._headers
        ) as response:
            return response.status, await response.json()


def fault_at(answer: Json, path: str) -> str:
    """Return the first code of the fault at a path; fail with all faults if there is none."""
    node = answer.get("errors", {})
    for step in path.split(".") if path else []:
        assert step in node, f"no fault at {path}: {answer}"
        node = node[step]
    return node["_errors"][0]["code"]


def row(*components: Json) -> Json:
    return {"type": 1, "components": list(components)}


def button(custom_id: str | None = "a", **extra: Any) -> Json:
    return {"type": 2, "style": 1, "label": "A", "custom_id": custom_id} | extra


def text(content: str = "words") -> Json:
    return {"type": 10, "content": content}


# Commands


def command(**extra: Any) -> Json:
    return {"name": "video", "description": "Make a video", "type": 1} | extra


def option(name: str = "prompt", **extra: Any) -> Json:
    return {"type": 3, "name": name, "description": "What"} | extra
