"""The body of APIMart's paid request, and the files that are uploaded for it."""

import contextlib
from collections.abc import Mapping
from typing import Any

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import SourceVideo, TaskSpec
from bot.providers import json_values
from bot.providers.json_api import JsonApi
from bot.providers.links import tidy
from bot.providers.uploads import Uploads, VideoHost

# The first generation infers the mode from the inputs, and has no parameters for frames.
_FIRST_GENERATION = frozenset({"gemini-omni-flash-preview"})

_TASKS: Mapping[Mode, str] = {
    Mode.TEXT: "text_to_video",
    Mode.IMAGE: "image_to_video",
    Mode.REFERENCE: "reference_to_video",
    Mode.EDIT: "edit",
    Mode.EXTEND: "extend",
}


class RequestBuilder:
    """Builds one request. ``uploads`` are the ids of the videos that were hosted for it."""

    def __init__(
        self, spec: TaskSpec, *, api: JsonApi, uploads: Uploads, video_host: VideoHost | None
    ) -> None:
        self._spec = spec
        self._plan = spec.plan
        self._api = api
        self._links = uploads
        self._video_host = video_host
        self._is_first_generation = spec.plan.model_id in _FIRST_GENERATION
        self.uploads: tuple[str, ...] = ()

    async def body(self) -> dict[str, Any]:
        """Upload the files and return the JSON body."""
        plan = self._plan
        body: dict[str, Any] = {"model": plan.model_id}
        if prompt := self._prompt():
            body["prompt"] = prompt
        body |= await self._images()
        if plan.mode in {Mode.EDIT, Mode.EXTEND}:
            body |= await self._source()
        if (aspect_ratio := self._aspect_ratio(body)) is not None:
            body["aspect_ratio"] = aspect_ratio
        if plan.resolution is not None:
            body["resolution"] = plan.resolution
        if not self._is_first_generation:
            body["metadata"] = {"task": _TASKS[plan.mode]}
        if self._spec.callback_url is not None:
            # The provider appends a path to it.
            body["webhook"] = self._spec.callback_url
        return body

    def _prompt(self) -> str:
        """Return the prompt with the requested length in words: no parameter accepts a length."""
        prompt, seconds = self._spec.prompt, self._plan.duration
        if seconds is None:
            return prompt
        if self._plan.mode is Mode.EXTEND:
            length = f"Extend the video by {seconds} seconds."
        else:
            length = f"The video is {seconds} seconds long."
        return f"{prompt.rstrip()}\n\n{length}" if prompt.strip() else length

    async def _images(self) -> dict[str, Any]:
        """Frames have parameters of their own where the model has these; others are references."""
        body: dict[str, Any] = {}
        references, last_frame = self._spec.images, self._spec.last_frame
        starts = not self._is_first_generation and self._plan.mode is Mode.IMAGE
        if last_frame is not None or starts:
            first, references = references[:1], references[1:]
            if first:
                body["first_frame_image"] = await self._host(first[0])
        if last_frame is not None:
            body["last_frame_image"] = await self._host(last_frame)
        if references:
            body["image_urls"] = [await self._host(image) for image in references]
        return body

    async def _host(self, media: StoredMedia) -> str:
        known = self._links.url_of(media.sha256)
        if known is not None:
            return known
        body = json_values.mapping(await self._api.upload("/v1/uploads/images", media))
        data = json_values.mapping(body.get("data"))
        url = tidy(json_values.text(body.get("url")) or json_values.text(data.get("url")))
        if not url:
            raise self._api.malformed("url")
        self._links.remember(media.sha256, url)
        return url

    async def _source(self) -> dict[str, Any]:
        """Name the video to edit: its task, a provider's link, a hosted copy or Discord's link."""
        source = self._spec.source or SourceVideo()
        if source.task_id is not None:
            return {"extend_from_task_id": source.task_id}
        if source.result_url is not None:
            return {"video_urls": [source.result_url]}
        if source.media is not None and self._video_host is not None:
            # The host is another provider: its error must not count as this one's.
            with contextlib.suppress(ProviderError):
                hosted = await self._video_host.host_video(source.media)
                self.uploads = (hosted.file_id,) if hosted.file_id else ()
                return {"video_urls": [hosted.url]}
        if source.discord_url is not None:
            return {"video_urls": [source.discord_url]}
        raise ProviderError(
            Code.PROVIDER_UNAVAILABLE,
            accepted=Accepted.NO,
            provider=self._api.name,
            reason="no source",
        )

    def _aspect_ratio(self, body: Mapping[str, Any]) -> str | None:
        asked = self._plan.aspect_ratio
        if asked == "auto" or (asked is None and "extend_from_task_id" in body):
            return self._orientation()
        return asked

    def _orientation(self) -> str | None:
        """Without an aspect ratio APIMart makes landscape. None: the model knows its source."""
        source = self._spec.source.media if self._spec.source is not None else None
        shown = source or next(iter(self._spec.images), None)
        if shown is None:
            return None
        return "9:16" if shown.height > shown.width else "16:9"


def links_of(body: Mapping[str, Any]) -> list[str]:
    """Return the links of our uploads in a request."""
    frames = [body.get("first_frame_image"), body.get("last_frame_image")]
    return [*json_values.items(body.get("image_urls")), *(url for url in frames if url)]
