"""Writing MP4s: the same streams in a new container, or encoded again to H.264 and AAC.

Only one picture and one sound are written, without what an edit list hides.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.filter import Graph
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from bot.media.jobs import Fault, JobError
from bot.media.worker.errors import damaged
from bot.media.worker.look import Orientation, Streams, choose, is_hdr, opened

_MP4 = {"movflags": "+faststart"}
_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_BT709 = "out_color_matrix=bt709:out_primaries=bt709:out_transfer=bt709"


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How a video is encoded. ``video_bps`` 0 means constant quality instead of a bit rate.

    ``width`` and ``height`` 0 mean the source's. ``seconds`` is where the video is cut, 0: nowhere.
    """

    width: int = 0
    height: int = 0
    video_bps: int = 0
    audio_bps: int = 160_000
    seconds: int = 0


def remux(source: Path, demuxer: str, destination: Path) -> None:
    """Write the same packets into a new MP4 with its index first.

    Raises:
        JobError: DAMAGED, NO_PICTURE, CODEC, DISK_FULL.
    """
    with opened(source, demuxer) as container, _writing(destination) as output:
        streams = choose(container)
        targets = {stream.index: output.add_stream_from_template(stream) for stream in streams.both}
        for target in targets.values():
            target.metadata.clear()
        start = _start(container)
        for packet in _timed(container.demux(*streams.both)):
            _advance(packet, start)
            packet.stream = targets[packet.stream_index]
            output.mux(packet)


def _start(container: av.container.InputContainer) -> Fraction:
    """Return the second at which the file begins: live recordings do not begin at 0."""
    return Fraction(max(0, container.start_time or 0), av.time_base)


def _advance(part: Packet | VideoFrame | AudioFrame, seconds: Fraction) -> None:
    """Move a part of a stream this many seconds ahead."""
    if not seconds or part.time_base is None:
        return
    ticks = round(seconds / part.time_base)
    if part.pts is not None:
        part.pts -= ticks
    if part.dts is not None:
        part.dts -= ticks


def _timed(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Give a decoding time to packets that have none: just before the next packet that has one.

    Matroska stores no decoding times, and those of H.264's first frames do not follow from their
    presentation times.
    """
    waiting: dict[int, list[Packet]] = {}
    for packet in packets:
        if not packet.size:
            continue
        early = waiting.setdefault(packet.stream_index, [])
        early.append(packet)
        if packet.dts is not None:
            yield from _before(early, packet.dts)
            early.clear()
    for early in waiting.values():
        yield from _before(early, min((packet.pts or 0 for packet in early), default=0))


def _before(early: list[Packet], time: int) -> Iterator[Packet]:
    """Set the decoding time of the last packet, and of each other one step before its successor."""
    for back, packet in zip(range(len(early) - 1, -1, -1), early, strict=True):
        if packet.dts is None:
            packet.dts = time - back * (early[-1].duration or 1)
        yield packet


def encode(source: Path, demuxer: str, destination: Path, scratch: Path, quality: Quality) -> None:
    """Write an upright MP4 of H.264 and AAC with square pixels and standard colours.

    A bit rate takes two passes.

    Raises:
        JobError: DAMAGED, NO_PICTURE, CODEC, DISK_FULL.
    """
    passes = (1, 2) if quality.video_bps else (0,)
    for number in passes:
        with opened(source, demuxer) as container, _writing(destination) as output:
            streams = choose(container)
            if number == 1:
                streams = Streams(video=streams.video, audio=None, unread=None)
            options = _options(quality, number, scratch)
            _Encoder(container, output, streams, quality, options).run()


def _options(quality: Quality, number: int, scratch: Path) -> dict[str, str]:
    options = {"preset": "fast"}
    if not number:
        return options | {"crf": "18"}
    return options | {
        "flags": f"+pass{number}",
        "stats": str(scratch / "passes.log"),
        "maxrate": str(quality.video_bps * 2),
        "bufsize": str(quality.video_bps * 4),
    }


@contextmanager
def _writing(destination: Path) -> Iterator[av.container.OutputContainer]:
    with (
        damaged(),
        av.open(f"file:{destination}", "w", format="mp4", options=_MP4) as output,
    ):
        yield output


class _Encoder:
    """Decodes, filters and encodes one file."""

    def __init__(
        self,
        container: av.container.InputContainer,
        output: av.container.OutputContainer,
        streams: Streams,
        quality: Quality,
        options: dict[str, str],
    ) -> None:
        self._container = container
        self._output = output
        self._streams = streams
        self._quality = quality
        self._options = options
        self._video: VideoStream | None = None
        self._audio = self._sound(streams.audio)
        self._graph: Graph | None = None
        self._shape: tuple[object, ...] = ()
        self._last = -1
        self._early: list[AudioFrame] = []

    def run(self) -> None:
        """Encode the whole file."""
        self._streams.video.thread_count = 2
        self._streams.video.thread_type = "AUTO"
        start = _start(self._container)
        for packet in self._container.demux(*self._streams.both):
            for frame in packet.decode():
                if not isinstance(frame, VideoFrame | AudioFrame):
                    continue
                _advance(frame, start)
                if frame.time is None or frame.time < -0.001:
                    continue  # hidden before the beginning
                if self._quality.seconds and frame.time >= self._quality.seconds:
                    continue
                if isinstance(frame, VideoFrame):
                    self._show(frame)
                else:
                    self._early.append(frame)
                self._hear()
        self._drain()
        self._hear()
        if self._video is None:
            raise JobError(Fault.DAMAGED, detail="no frame")
        self._output.mux(self._video.encode())
        if self._audio is not None:
            self._output.mux(self._audio.encode())

    def _sound(self, source: AudioStream | None) -> AudioStream | None:
        if source is None:
            return None
        rate = source.rate if source.rate in _RATES else 48_000
        sound = self._output.add_stream("aac", rate=rate)
        sound.layout = "stereo"
        sound.bit_rate = self._quality.audio_bps
        return sound

    def _hear(self) -> None:
        # Sound waits for the first picture: all streams must exist before anything is written.
        if self._video is None or self._audio is None:
            return
        for frame in self._early:
            self._output.mux(self._audio.encode(frame))
        self._early.clear()

    def _show(self, frame: VideoFrame) -> None:
        shape = (frame.width, frame.height, frame.format.name, frame.color_trc)
        if shape != self._shape:
            self._drain()
            self._graph, self._shape = self._filters(frame), shape
        assert self._graph is not None  # noqa: S101 - made just above
        self._graph.vpush(frame)
        self._pull()

    def _drain(self) -> None:
        if self._graph is not None:
            self._graph.vpush(None)
            self._pull()

    def _pull(self) -> None:
        assert self._graph is not None  # noqa: S101 - only called with a graph
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._encode(frame)

    def _encode(self, frame: VideoFrame) -> None:
        if self._video is None:
            self._video = self._picture(frame)
        if frame.pts is None or frame.pts <= self._last:
            return  # of two frames at one time, players show the first
        self._last = frame.pts
        frame.pict_type = PictureType.NONE
        self._output.mux(self._video.encode(frame))

    def _picture(self, frame: VideoFrame) -> VideoStream:
        source = self._streams.video
        rate = source.average_rate or source.guessed_rate or 24
        video = self._output.add_stream("libx264", rate=rate, options=self._options)
        video.width, video.height = frame.width, frame.height
        video.pix_fmt = "yuv420p"
        context = video.codec_context
        if source.time_base is not None:
            context.time_base = source.time_base
        video.thread_count = 2
        if self._quality.video_bps:
            video.bit_rate = self._quality.video_bps
        context.colorspace = frame.colorspace
        context.color_primaries = frame.color_primaries
        context.color_trc = frame.color_trc
        context.color_range = frame.color_range
        return video

    def _filters(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1  # every thread would compute its own HDR table
        last = graph.add_buffer(template=self._streams.video)
        orientation = Orientation.of(frame)
        width, height = self._size(frame, orientation)
        colours = f":{_BT709}" if is_hdr(frame) else ""
        chain = [
            *orientation.filters,
            ("scale", f"{width}:{height}:out_range=tv{colours}"),
            ("setsar", "1"),
            ("format", "yuv420p"),
            ("buffersink", ""),
        ]
        for name, arguments in chain:
            node = graph.add(name, arguments)
            last.link_to(node)
            last = node
        graph.configure()
        return graph

    def _size(self, frame: VideoFrame, orientation: Orientation) -> tuple[int, int]:
        # yuv420p needs even sides.
        if self._quality.width:
            return self._quality.width, self._quality.height
        width, height = frame.width, frame.height
        sar = self._streams.video.sample_aspect_ratio
        if sar:
            width = round(width * sar)
        if orientation.sideways:
            width, height = height, width
        return max(2, width // 2 * 2), max(2, height // 2 * 2)
