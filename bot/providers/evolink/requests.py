"""The body of EvoLink's paid request, and the files that are uploaded for it."""

from pathlib import Path
from typing import Any

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import SourceVideo, TaskSpec
from bot.providers.evolink.files import EvoLinkFiles
from bot.providers.inline import by_name
from bot.providers.uploads import HostedFile

# All other models accept links only.
_ACCEPTS_DATA_URLS = frozenset({"gemini-omni-flash-image-to-video"})

# The models of the first generation make 720p and have no parameter for the quality.
_WITHOUT_QUALITY = frozenset(
    {
        "gemini-omni-flash-text-to-video",
        "gemini-omni-flash-image-to-video",
        "gemini-omni-flash-reference-to-video",
        "gemini-omni-flash-video-edit",
    }
)


class RequestBuilder:
    """Builds one request. Each file is uploaded once."""

    def __init__(self, spec: TaskSpec, *, files: EvoLinkFiles, media_root: Path) -> None:
        self._spec = spec
        self._files = files
        self._media_root = media_root
        self._hosted: dict[str, HostedFile] = {}

    @property
    def uploads(self) -> tuple[str, ...]:
        """The ids of the files that were uploaded so far."""
        return tuple(file.file_id for file in self._hosted.values() if file.file_id)

    async def body(self) -> dict[str, Any]:
        """Upload the files and return the JSON body."""
        spec, plan = self._spec, self._spec.plan
        body: dict[str, Any] = {"model": plan.model_id, "prompt": spec.prompt}
        images = [*spec.images, *([spec.last_frame] if spec.last_frame else [])]
        if images:
            body["image_urls"] = [await self._image(image) for image in images]
        if plan.mode in {Mode.EDIT, Mode.EXTEND}:
            body["video_urls"] = [await self._video(spec.source or SourceVideo())]
        if plan.auto_duration:
            body["duration"] = "auto"
        elif plan.duration is not None:
            body["duration"] = plan.duration
        if plan.aspect_ratio is not None:
            body["aspect_ratio"] = plan.aspect_ratio
        if plan.resolution is not None and plan.model_id not in _WITHOUT_QUALITY:
            body["quality"] = plan.resolution
        if spec.callback_url is not None:
            body["callback_url"] = spec.callback_url
        return body

    async def _image(self, image: StoredMedia) -> str:
        inline = None
        if self._spec.plan.model_id in _ACCEPTS_DATA_URLS:
            inline = by_name(image, root=self._media_root)
        return inline or await self._host(image)

    async def _video(self, source: SourceVideo) -> str:
        """Return a provider's own link while it is valid, else an upload, else Discord's link."""
        if source.result_url is not None:
            return source.result_url
        if source.media is not None:
            try:
                return await self._host(source.media)
            except ProviderError as error:
                # The page of the files service names images only: it may refuse a video.
                full = error.code is Code.PROVIDER_FILES_FULL
                if source.discord_url is None or (error.retryable and not full):
                    raise
        if source.discord_url is None:
            raise ProviderError(
                Code.MEDIA_UNAVAILABLE,
                accepted=Accepted.NO,
                provider=self._spec.plan.provider,
                reason="no source",
            )
        return source.discord_url

    async def _host(self, media: StoredMedia) -> str:
        if media.sha256 not in self._hosted:
            self._hosted[media.sha256] = await self._files.upload(media)
        return self._hosted[media.sha256].url
