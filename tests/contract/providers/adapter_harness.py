"""One adapter in front of its stand-in, and what its tests need to ask of both."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.domain.catalogue import Mode, ModelName, ProviderName
from bot.domain.fitting import fit
from bot.domain.ids import GenerationId, TaskId
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.provider import (
    InformedProvider,
    PreparedTask,
    SourceVideo,
    Submission,
    TaskReport,
    TaskSpec,
)
from bot.domain.request import Operation, VideoRequest
from bot.providers.addresses import AddressPolicy
from bot.providers.apimart import ApiMart
from bot.providers.catalogue import load_catalogue
from bot.providers.evolink import EvoLink
from bot.providers.http import HttpClient, Timeouts
from bot.providers.uploads import VideoHost
from sandbox.providers import APIMART_KEY, EVOLINK_KEY, Provider
from tests.integration.providers.harness import Bench, Clock, draw, running

EVOLINK = ProviderName("evolink")
APIMART = ProviderName("apimart")
CATALOGUE = load_catalogue()
PATIENT = Timeouts(connect=5, submit=20, read=20, idle=20, transfer=20)
HASTY = Timeouts(connect=5, submit=0.4, read=0.4, idle=0.4, transfer=0.8)


class StandInTime:
    """The stand-ins' clock as the house's port, ``ahead`` by seconds. Adapters only read it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() + self.ahead, UTC)

    def monotonic(self) -> float:
        return self._clock()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never waits by itself")

    async def wait(self, event: Any, seconds: float | None) -> bool:
        raise AssertionError("an adapter never waits by itself")


@dataclass
class AdapterHarness:
    """``provider`` is the adapter, ``standin`` the provider it speaks with."""

    name: ProviderName
    bench: Bench
    provider: InformedProvider
    standin: Provider
    root: Path
    time: StandInTime

    @property
    def key(self) -> str:
        return EVOLINK_KEY if self.name == EVOLINK else APIMART_KEY

    @property
    def upload_count(self) -> int:
        return sum(call.op == "upload" for call in self.standin.calls)

    def files_held(self) -> int:
        """How many uploaded files EvoLink holds."""
        return len(self.bench.providers._hosting["evolink"].files())

    def keep(self, name: str, body: bytes, *, width: int = 64, height: int = 36) -> StoredMedia:
        """A file as the media store would have kept it."""
        (self.root / name).write_bytes(body)
        video = name.endswith(".mp4")
        return StoredMedia(
            kind=MediaKind.VIDEO if video else MediaKind.IMAGE,
            path=name,
            mime="video/mp4" if video else "image/png",
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            width=width,
            height=height,
            duration_ms=1000 if video else 0,
        )

    def image(self, colour: str = "red", size: tuple[int, int] = (64, 36)) -> StoredMedia:
        return self.keep(
            f"{colour}{size[0]}.png",
            draw(size, "PNG", colour),
            width=size[0],
            height=size[1],
        )

    def spec(
        self,
        mode: Mode = Mode.TEXT,
        *,
        model: str = "omni-flash",
        source: SourceVideo | None = None,
        callback_url: str | None = None,
        **options: Any,
    ) -> TaskSpec:
        """A request of one mode, fitted to this provider's offer."""
        operation = {Mode.EDIT: Operation.EDIT, Mode.EXTEND: Operation.EXTEND}.get(mode)
        request = VideoRequest(
            **{"prompt": "a red apple", "operation": operation or Operation.CREATE, **options}
        )
        offer = next(
            one for one in CATALOGUE.for_provider(self.name, ModelName(model)) if one.mode is mode
        )
        return TaskSpec(
            generation_id=GenerationId("g" * 20),
            plan=fit(request, offer),
            prompt=request.prompt,
            images=request.images,
            last_frame=request.last_frame,
            source=source,
            callback_url=callback_url,
        )

    async def prepared(self, mode: Mode = Mode.TEXT, **options: Any) -> PreparedTask:
        return await self.provider.prepare(self.spec(mode, **options))

    async def submitted(
        self, mode: Mode = Mode.TEXT, *, key: str = "retake-generation-1", **options: Any
    ) -> Submission:
        return await self.provider.submit(await self.prepared(mode, **options), key=key)

    async def finished(self, task_id: TaskId) -> TaskReport:
        """The report once the task has had its time."""
        self.bench.clock.advance(60)
        return await self.provider.query(task_id)

    async def video(self, name: str = "source.mp4") -> StoredMedia:
        """A real video in the media directory, made by the stand-in itself."""
        submission = await self.submitted(prompt="a source", key="retake-source-of-a-test")
        report = await self.finished(submission.task_id)
        await self.provider.download(report.urls[0], self.root / name, max_bytes=10**8)
        return self.keep(name, (self.root / name).read_bytes(), width=160, height=90)

    def fault(self, on: str, kind: str, **fields: Any) -> None:
        self.standin.add_fault(on=on, kind=kind, **fields)


@contextlib.asynccontextmanager
async def open_harness(
    name: ProviderName,
    directory: Path,
    rendered: Path,
    *,
    timeouts: Timeouts = PATIENT,
    api_key: str | None = None,
    video_host: VideoHost | None = None,
) -> AsyncIterator[AdapterHarness]:
    async with running(directory / "standins", rendered) as bench:
        root = directory / "media"
        root.mkdir()
        client = HttpClient(
            service=name, policy=AddressPolicy.for_urls(bench.url), timeouts=timeouts
        )
        time = StandInTime(bench.clock)
        provider: InformedProvider
        if name == EVOLINK:
            provider = EvoLink(
                api_url=f"{bench.url}/evolink",
                files_url=f"{bench.url}/evolink-files/",
                api_key=api_key or EVOLINK_KEY,
                http=client,
                media_root=root,
                clock=time,
            )
        else:
            provider = ApiMart(
                api_url=f"{bench.url}/apimart/",
                api_key=api_key or APIMART_KEY,
                http=client,
                media_root=root,
                clock=time,
                video_host=video_host,
            )
        standin = bench.providers.evolink if name == EVOLINK else bench.providers.apimart
        async with client:
            yield AdapterHarness(name, bench, provider, standin, root, time)


def with_prompt(prepared: PreparedTask, prompt: str) -> PreparedTask:
    return replace(prepared, body={**prepared.body, "prompt": prompt})
