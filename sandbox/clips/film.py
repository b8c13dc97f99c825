"""A film put together from still sheets that move over each other, and its soft chord.

Owns the ffmpeg command: sheets in, an H.264 + AAC mp4 out. Knows nothing of what the sheets show.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sandbox.clips import ffmpeg

FRAME_RATE = 24


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A still picture laid over the film at ``x``, ``y``: ffmpeg expressions of ``t`` (seconds).

    ``appears`` makes it fade in: (second it starts, seconds it takes).
    """

    image: Image.Image
    x: str = "0"
    y: str = "0"
    appears: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A video the film is made from; ``grade`` is the filter chain that changes its colours."""

    path: Path
    has_sound: bool
    seconds: float
    grade: str = "null"


@dataclass(frozen=True, kw_only=True)
class Film:
    """Everything one render needs. Without a source the first sheet is the ground of the picture.

    ``prologue`` is a video shown unchanged before the film begins (an extension's source).
    ``size`` is the picture's, ``drawn`` what the sheets were drawn for (scaled up when smaller).
    """

    size: tuple[int, int]
    drawn: tuple[int, int]
    seconds: float
    sheets: Sequence[Sheet]
    chord: Sequence[int]
    version: int
    source: Source | None = None
    prologue: Source | None = None
    threads: int = 2


async def develop(film: Film, target: Path) -> None:
    """Render the film to ``target`` (complete or not there at all)."""
    with tempfile.TemporaryDirectory(prefix="film-", dir=target.parent) as room:
        inputs: list[str] = []
        for number, sheet in enumerate(film.sheets):
            raw = Path(room, f"{number}.rgba")
            image = await asyncio.to_thread(_write, sheet.image, raw)
            inputs += ["-f", "rawvideo", "-pixel_format", "rgba", "-video_size"]
            inputs += [f"{image[0]}x{image[1]}", "-framerate", str(FRAME_RATE), "-i", str(raw)]
        part = Path(room, "part.mp4")
        await ffmpeg.run([*inputs, *_more_inputs(film), *_graph(film), *_output(film), str(part)])
        await asyncio.to_thread(part.replace, target)


def _write(image: Image.Image, path: Path) -> tuple[int, int]:
    path.write_bytes(image.convert("RGBA").tobytes())
    return image.size


def _more_inputs(film: Film) -> list[str]:
    inputs: list[str] = []
    for source in (film.source, film.prologue):
        if source is not None:
            inputs += ["-i", str(source.path)]
    return inputs


def _graph(film: Film) -> list[str]:
    width, height = film.drawn
    chains: list[str] = []
    for number, sheet in enumerate(film.sheets):
        fade = ""
        if sheet.appears is not None:
            fade = f",fade=in:st={sheet.appears[0]}:d={sheet.appears[1]}:alpha=1"
        chains.append(
            f"[{number}:v]scale=out_color_matrix=bt709:out_range=tv,format=yuva420p,"
            f"loop=loop=-1:size=1:start=0,setpts=N/{FRAME_RATE}/TB{fade}[s{number}]"
        )
    following = len(film.sheets)
    if film.source is None:
        ground, laid = "s0", range(1, len(film.sheets))
    else:
        chains.append(
            f"[{following}:v]fps={FRAME_RATE},scale={width}:{height}:flags=fast_bilinear,setsar=1,"
            f"{film.source.grade},format=yuv420p,setpts=PTS-STARTPTS[ground]"
        )
        ground, laid = "ground", range(len(film.sheets))
        following += 1
    for number in laid:
        sheet = film.sheets[number]
        chains.append(
            f"[{ground}][s{number}]overlay=x='{sheet.x}':y='{sheet.y}':eval=frame:"
            f"eof_action=repeat[o{number}]"
        )
        ground = f"o{number}"
    enlarge = "" if film.drawn == film.size else f"scale={film.size[0]}:{film.size[1]},"
    chains.append(f"[{ground}]trim=duration={film.seconds},{enlarge}format=yuv420p,setsar=1[film]")
    chains.append(_sound(film, len(film.sheets)))
    if film.prologue is None:
        return ["-filter_complex", ";".join(chains), "-map", "[film]", "-map", "[sound]"]
    chains += _before(film.prologue, film, following)
    chains.append("[before][beforesound][film][sound]concat=n=2:v=1:a=1[all][allsound]")
    return ["-filter_complex", ";".join(chains), "-map", "[all]", "-map", "[allsound]"]


def _before(source: Source, film: Film, number: int) -> list[str]:
    width, height = film.size
    picture = (
        f"[{number}:v]fps={FRAME_RATE},scale={width}:{height}:flags=fast_bilinear,"
        f"format=yuv420p,setsar=1,setpts=PTS-STARTPTS[before]"
    )
    if source.has_sound:
        return [picture, f"[{number}:a]aresample=44100,aformat=channel_layouts=mono[beforesound]"]
    return [picture, f"anullsrc=r=44100:cl=mono:d={source.seconds}[beforesound]"]


def _sound(film: Film, source_number: int) -> str:
    seconds = film.seconds
    leaving = max(0.0, seconds - 0.6)
    shape = f"afade=in:d=0.4,afade=out:st={leaving}:d=0.6"
    if film.source is not None and film.source.has_sound:
        return (
            f"[{source_number}:a]aresample=44100,aformat=channel_layouts=mono,apad,"
            f"atrim=duration={seconds},asetpts=PTS-STARTPTS[sound]"
        )
    voices = [
        f"sine=frequency={frequency}:sample_rate=44100:duration={seconds}[v{number}]"
        for number, frequency in enumerate(film.chord)
    ]
    joined = "".join(f"[v{number}]" for number in range(len(voices)))
    mix = f"{joined}amix=inputs={len(voices)},tremolo=f=0.4:d=0.5,volume=0.5,{shape}[sound]"
    return ";".join([*voices, mix])


def _output(film: Film) -> list[str]:
    length = film.seconds + (film.prologue.seconds if film.prologue else 0)
    return [
        *["-t", f"{length:.3f}", "-r", str(FRAME_RATE)],
        *["-c:v", "libx264", "-preset", "ultrafast", "-tune", "fastdecode", "-crf", "24"],
        *["-pix_fmt", "yuv420p", "-g", "48", "-threads", str(film.threads)],
        *["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"],
        *["-c:a", "aac", "-b:a", "64k", "-ar", "44100", "-ac", "1"],
        *["-metadata", f"comment=retake v{film.version}", "-movflags", "+faststart"],
    ]
