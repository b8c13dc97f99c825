"""What is inside a video: streams, packets, rotation, colours, hidden frames.

It reads every packet and decodes the key frames.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bot.media.jobs import Fault, JobError
from bot.media.worker.errors import damaged
from bot.media.worker.mp4 import layout

_VIDEO_CODECS = (
    "h264,hevc,mpeg4,h263,mjpeg,prores,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1"
)
_AUDIO_CODECS = (
    "aac,aac_fixed,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,ac3_fixed,eac3,amrnb,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le,pcm_u8"
)
_VIDEO = frozenset(_VIDEO_CODECS.split(","))
_AUDIO = frozenset(_AUDIO_CODECS.split(","))

_HDR = frozenset({16, 18})
"""The transfer characteristics of HDR (ITU-T H.273): PQ and HLG."""

_BT2020 = 9
_PRIMING = 4
"""Packets of sound that an encoder may put before the beginning; they are not hidden sound."""


@dataclass(kw_only=True)
class Track:
    """The sums of one stream's packets. Times are in seconds, None before the first packet."""

    shown: int = 0
    hidden: int = 0
    begin: Fraction | None = None
    end: Fraction = Fraction(0)
    damaged: bool = False
    last: Fraction | None = None
    gap: Fraction = Fraction(0)

    def add(self, packet: Packet) -> None:
        """Count a packet."""
        self.damaged = self.damaged or packet.is_corrupt
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None or packet.time_base is None:
            return
        time = at * packet.time_base
        length = (packet.duration or 0) * packet.time_base
        if packet.is_discard or time + length < 0:
            self.hidden += 1
            return
        self.shown += 1
        if self.last is not None and time > self.last:
            self.gap = time - self.last
        self.last = time
        self.begin = time if self.begin is None else min(self.begin, time)
        self.end = max(self.end, time + (length or self.gap))


@dataclass(frozen=True, kw_only=True)
class Streams:
    """The picture and the first readable sound. ``unread`` is the codec of an unreadable sound."""

    video: VideoStream
    audio: AudioStream | None
    unread: str | None

    @property
    def both(self) -> list[VideoStream | AudioStream]:
        """The streams to read."""
        return [self.video] if self.audio is None else [self.video, self.audio]


@contextmanager
def opened(path: Path, demuxer: str, **options: str) -> Iterator[av.container.InputContainer]:
    """Open a file with one demuxer, known codecs and no other protocol."""
    with (
        damaged(),
        av.open(
            f"file:{path}",
            format=demuxer,
            options={
                "protocol_whitelist": "file",
                "codec_whitelist": f"{_VIDEO_CODECS},{_AUDIO_CODECS}",
                "max_streams": "64",
                **options,
            },
            metadata_errors="replace",
        ) as container,
    ):
        yield container


def choose(container: av.container.InputContainer) -> Streams:
    """Choose the streams to read.

    Raises:
        JobError: NO_PICTURE, or CODEC with the ``codec`` of the picture.
    """
    pictures = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not pictures:
        raise JobError(Fault.NO_PICTURE)
    video = next((s for s in pictures if _codec(s) in _VIDEO), None)
    if video is None:
        raise JobError(Fault.CODEC, codec=_codec(pictures[0]))
    sounds = list(container.streams.audio)
    audio = next((s for s in sounds if _codec(s) in _AUDIO and s.rate), None)
    unread = _codec(sounds[0]) if sounds and audio is None else None
    return Streams(video=video, audio=audio, unread=unread)


def _codec(stream: VideoStream | AudioStream) -> str:
    context = stream.codec_context
    return context.codec.name if context is not None else "unknown"  # pyright: ignore[reportUnnecessaryComparison]


def look(path: Path, demuxer: str, *, max_pixels: int) -> dict[str, object]:
    """Return the facts of a video that can be played to its end (see ``probe.VideoFacts``).

    Raises:
        JobError: NO_PICTURE, CODEC (``codec``), DIMENSIONS (``width``, ``height``), DAMAGED.
    """
    with opened(path, demuxer) as container:
        streams = choose(container)
        video, audio = streams.video, streams.audio
        _check_size(video, max_pixels)
        tracks = {stream.index: Track() for stream in streams.both}
        first = _read(container, streams, tracks) or _first_frame(path, demuxer)
        seen = tracks[video.index]
        if first is None or not seen.shown or seen.begin is None:
            raise JobError(Fault.DAMAGED, detail="no frame")
        begin = min(track.begin for track in tracks.values() if track.begin is not None)
        length = max(track.end for track in tracks.values()) - begin
        width, height = first.width, first.height
        _check_size(first, max_pixels)
        orientation = Orientation.of(first)
        sound = tracks[audio.index] if audio else Track()
        sar = video.sample_aspect_ratio
        facts = {
            "width": height if orientation.sideways else width,
            "height": width if orientation.sideways else height,
            "duration_ms": round(length * 1000),
            "frames_per_second": float(_rate(video, seen)),
            "video_codec": _plain_name(_codec(video)),
            "pixel_format": first.format.name,
            "audio_codec": _plain_name(_codec(audio)) if audio else None,
            "unread_sound": streams.unread,
            "turned": orientation.turned,
            "square": not sar or sar == 1,
            "hdr": is_hdr(first),
            "hidden_frames": seen.hidden,
            "hidden_sound": max(0, sound.hidden - _PRIMING),
        }
    if demuxer == "mov":
        check_whole(path)
        facts |= asdict(layout(path))
    return facts


def _read(
    container: av.container.InputContainer, streams: Streams, tracks: dict[int, Track]
) -> VideoFrame | None:
    """Count all packets, decode the key frames, and return the first frame that is shown."""
    streams.video.codec_context.skip_frame = "NONKEY"
    streams.video.thread_count = 2
    first = None
    for packet in container.demux(*streams.both):
        track = tracks[packet.stream_index]
        if packet.size:
            track.add(packet)
        if packet.stream_index == streams.video.index:
            for frame in packet.decode():
                if first is None and isinstance(frame, VideoFrame):
                    first = frame
    if any(track.damaged for track in tracks.values()):
        raise JobError(Fault.DAMAGED, detail="a packet is cut short")
    return first


def _first_frame(path: Path, demuxer: str) -> VideoFrame | None:
    # The first frame shown need not be a key frame: those may be hidden.
    with opened(path, demuxer) as container:
        return next(iter(container.decode(choose(container).video)), None)


def _check_size(picture: VideoStream | VideoFrame, max_pixels: int) -> None:
    width, height = picture.width, picture.height
    if width * height > max_pixels:
        raise JobError(Fault.DIMENSIONS, width=width, height=height)
    if not width or not height:
        raise JobError(Fault.DAMAGED, detail="no pixels")


def _rate(video: VideoStream, track: Track) -> Fraction:
    if video.average_rate:
        return video.average_rate
    length = track.end - (track.begin or 0)
    return Fraction(track.shown) / length if length > 0 else Fraction(24)


def _plain_name(codec: str) -> str:
    """Return the codec's own name instead of its decoder's."""
    name = codec.removeprefix("lib").removesuffix("_fixed")
    return {"mp3float": "mp3", "dav1d": "av1", "aom-av1": "av1", "vpx": "vp8"}.get(name, name)


def is_hdr(frame: VideoFrame) -> bool:
    """Return True if the colours must be converted for a standard screen."""
    return frame.color_trc in _HDR or frame.color_primaries == _BT2020


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """How a frame must be turned to be shown: the filters, and whether its sides swap."""

    filters: tuple[tuple[str, str], ...] = ()
    sideways: bool = False

    @property
    def turned(self) -> bool:
        """``turned`` is true if a frame must be rotated or mirrored to be shown."""
        return bool(self.filters)

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """Read the display matrix of a frame."""
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        values = struct.unpack("=9i", bytes(matrix)[:36])
        degrees = -frame.rotation % 360
        quarter = round(degrees / 90) % 4
        if quarter == 1:
            direction = "cclock_flip" if values[3] > 0 else "clock"
            return cls(filters=(("transpose", direction),), sideways=True)
        if quarter == 3:
            direction = "clock_flip" if values[3] < 0 else "cclock"
            return cls(filters=(("transpose", direction),), sideways=True)
        flips = [("hflip", "")] if values[0] < 0 else []
        flips += [("vflip", "")] if values[4] < 0 else []
        return cls(filters=tuple(flips))


def check_whole(path: Path) -> None:
    """Raise DAMAGED if an MP4 lacks samples that its index names, hidden ones included."""
    with opened(path, "mov", ignore_editlist="1") as container:
        streams = choose(container)
        counts = dict.fromkeys((stream.index for stream in streams.both), 0)
        lengths = dict(counts)
        for packet in container.demux(*streams.both):
            if packet.is_corrupt:
                raise JobError(Fault.DAMAGED, detail="a packet is cut short")
            counts[packet.stream_index] += bool(packet.size)
            lengths[packet.stream_index] += packet.duration or 0
        for stream in streams.both:
            # A packet of PCM sound holds many samples, so their durations are compared instead.
            whole = stream.duration is not None and lengths[stream.index] >= stream.duration
            if counts[stream.index] < stream.frames and not whole:
                raise JobError(Fault.DAMAGED, detail="samples are missing")
