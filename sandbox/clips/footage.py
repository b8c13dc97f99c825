"""The stand-ins' video files: written from a filter graph, described, decoded, and a still taken.

Uses FFmpeg's libraries through PyAV in this process. Knows nothing of scenes, prompts or providers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from PIL import Image


class FilmError(Exception):
    """A file could not be read or written, or took too long; the message says what was wrong."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What a video file is.

    ``version`` and ``scene`` are read from the stand-ins' mark in the comment; 1 and empty without.
    """

    seconds: float
    width: int
    height: int
    video_codec: str
    pixel_format: str
    frame_rate: float
    audio_codec: str | None
    container: str
    version: int
    scene: str


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a file is written. ``rotation`` is the note that says how to turn it, in degrees.

    ``streamable`` puts the index in front of the data. Without a ``pixel_format`` it is the
    graph's.
    """

    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    pixel_format: str = "yuv420p"
    rate: int = 0
    threads: int = 2
    audio_codec: str = "aac"
    audio_bps: int = 64_000
    comment: str = ""
    rotation: int = 0
    bt709: bool = False
    streamable: bool = True


def write(path: Path, graph: str, encoding: Encoding | None = None) -> Path:
    """Write what a filter graph gives (``[out0]`` the picture, ``[out1]`` the sound) to a file.

    Raises:
        FilmError: the graph or the encoder refused.
    """
    encoding = encoding or Encoding()
    movflags = {"movflags": "+faststart"} if encoding.streamable else {}
    options = movflags if path.suffix in {".mp4", ".mov"} else {}
    try:
        with (
            av.open(graph, format="lavfi") as source,
            av.open(str(path), "w", options=options) as output,
        ):
            if encoding.comment:
                output.metadata["comment"] = encoding.comment
            _copy(source, output, encoding)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise FilmError(repr(error)) from error
    return path


def _copy(
    source: av.container.InputContainer,
    output: av.container.OutputContainer,
    encoding: Encoding,
) -> None:
    targets: dict[int, VideoStream | AudioStream] = {}
    for stream in (*source.streams.video, *source.streams.audio):
        targets[stream.index] = (
            _picture(stream, output, encoding)
            if isinstance(stream, VideoStream)
            else _sound(stream, output, encoding)
        )
    for packet in source.demux(*source.streams.video, *source.streams.audio):
        target = targets[packet.stream_index]
        for frame in packet.decode():
            if isinstance(target, VideoStream) and isinstance(frame, VideoFrame):
                frame.pict_type = PictureType.NONE
                output.mux(target.encode(frame))
            elif isinstance(target, AudioStream) and isinstance(frame, AudioFrame):
                output.mux(target.encode(frame))
    for target in targets.values():
        output.mux(target.encode())


def _picture(
    stream: VideoStream, output: av.container.OutputContainer, encoding: Encoding
) -> VideoStream:
    rate = encoding.rate or stream.average_rate or 25
    video = output.add_stream(encoding.codec, rate=rate, options=dict(encoding.options))
    assert isinstance(video, VideoStream)
    video.width, video.height = stream.width, stream.height
    video.pix_fmt = encoding.pixel_format or stream.pix_fmt or "yuv420p"
    video.thread_count = encoding.threads
    video.codec_context.time_base = 1 / Fraction(rate)
    if encoding.rotation:
        video.set_display_rotation(encoding.rotation)
    if encoding.bt709:
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
    return video


def _sound(
    stream: AudioStream, output: av.container.OutputContainer, encoding: Encoding
) -> AudioStream:
    sound = output.add_stream(encoding.audio_codec, rate=stream.rate)
    assert isinstance(sound, AudioStream)
    sound.bit_rate = encoding.audio_bps
    sound.layout = stream.layout.name
    return sound


def probe(path: Path) -> Footage:
    """Describe a video file.

    Raises:
        FilmError: it has no readable picture.
    """
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise FilmError(f"{path.name} has no picture")
            video, sounds = container.streams.video[0], container.streams.audio
            comment = container.metadata.get("comment", "")
            mark, _, scene = comment.removeprefix("retake v").partition(" ")
            marked = comment.startswith("retake v") and mark.isdigit()
            return Footage(
                seconds=(container.duration or 0) / av.time_base,
                width=video.width,
                height=video.height,
                video_codec=video.codec_context.name,
                pixel_format=video.pix_fmt or "",
                frame_rate=float(video.average_rate or 0),
                audio_codec=sounds[0].codec_context.name if sounds else None,
                container=container.format.name,
                version=int(mark) if marked else 1,
                scene=scene if marked else "",
            )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise FilmError(repr(error)) from error


def decodes(path: Path) -> bool:
    """Return whether every frame of the file can be decoded and no sample is missing."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            counts = dict.fromkeys((stream.index for stream in container.streams), 0)
            for packet in container.demux(*container.streams.video, *container.streams.audio):
                if packet.is_corrupt:
                    return False
                counts[packet.stream_index] += bool(packet.size)
                packet.decode()
            return all(
                counts[stream.index] >= stream.frames
                for stream in (*container.streams.video, *container.streams.audio)
            )
    except (av.error.FFmpegError, OSError, ValueError):
        return False


def still(path: Path, second: float = 0.0) -> Image.Image:
    """Return the picture that is shown at a second.

    Raises:
        FilmError: there is none.
    """
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            for frame in container.decode(container.streams.video[0]):
                if frame.time is not None and frame.time >= second - 0.001:
                    return frame.to_image()
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise FilmError(repr(error)) from error
    raise FilmError(f"{path.name} shows nothing at {second} s")
