"""A film put together from still sheets that move over each other, and its soft chord.

Owns the filter graph: sheets in, an H.264 + AAC mp4 out. Knows nothing of what the sheets show.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sandbox.clips.footage import FilmError

FRAME_RATE = 24
_MONO = "aresample=44100,aformat=channel_layouts=mono"
_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A still picture laid over the film at ``x``, ``y``: FFmpeg expressions of ``t`` (seconds).

    ``appears`` makes it fade in: (second it starts, seconds it takes). ``shown`` is the expression
    of when it is there at all.
    """

    image: Image.Image
    x: str = "0"
    y: str = "0"
    appears: tuple[float, float] | None = None
    shown: str = "1"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A video the film is made from."""

    path: Path
    has_sound: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Film:
    """Everything one render needs. Without a source the first sheet is the ground of the picture.

    ``looks`` are the filters over the source or, without one, over the sheets; ``captions`` lie
    over all. ``begins`` is the second at which the sheets' clock starts.
    ``prologue`` is a video shown unchanged before the film begins (an extension's source).
    ``size`` is the picture's, ``drawn`` what the sheets were drawn for (scaled up when smaller).
    ``sound`` is a filter chain that makes the sound of the place; ``comment`` goes into the file.
    """

    size: tuple[int, int]
    drawn: tuple[int, int]
    seconds: float
    sheets: Sequence[Sheet]
    captions: Sequence[Sheet]
    chord: Sequence[int]
    comment: str
    looks: str = "null"
    begins: float = 0
    sound: str = ""
    source: Source | None = None
    prologue: Source | None = None
    threads: int = 2


async def develop(film: Film, target: Path) -> None:
    """Render the film to ``target`` (complete or not there at all).

    Raises:
        FilmError: it cannot be rendered, or not in time.
    """
    with tempfile.TemporaryDirectory(prefix="film-", dir=target.parent) as room:
        await asyncio.to_thread(_lay_out, film, Path(room))
        part = Path(room, "part.mp4")
        order = {"path": part.name, "graph": ";".join(_graph(film)), "encoding": _encoding(film)}
        await _run(json.dumps(order), Path(room))
        await asyncio.to_thread(part.replace, target)


def _lay_out(film: Film, room: Path) -> None:
    """Put what the graph reads under names without signs that mean something in it."""
    for number, sheet in enumerate([*film.sheets, *film.captions]):
        sheet.image.convert("RGBA").save(room / f"{number}.png", compress_level=1)
    for source, name in ((film.source, "source"), (film.prologue, "prologue")):
        if source is not None:
            (room / f"{name}.mp4").symlink_to(source.path.absolute())


async def _run(order: str, room: Path, *, seconds: float = 120) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-s", "-m", "sandbox.clips.render"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=room,
        env={"PYTHONPATH": str(_ROOT)},
    )
    try:
        async with asyncio.timeout(seconds):
            _, printed = await process.communicate(order.encode())
    except TimeoutError as error:
        raise FilmError(f"rendering took longer than {seconds} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise FilmError(printed.decode(errors="replace")[-2000:])


def _graph(film: Film) -> list[str]:
    """The chains of filters: the picture ends in ``[out0]``, the sound in ``[out1]``."""
    chains = [_loaded(number, sheet) for number, sheet in enumerate([*film.sheets, *film.captions])]
    ground, under = "s0", 1
    if film.source is not None:
        width, height = film.drawn
        chains.append(
            f"movie=source.mp4,fps={FRAME_RATE},scale={width}:{height}:flags=fast_bilinear,setsar=1,"
            f"{film.looks},format=yuv420p,setpts=PTS-STARTPTS[ground]"
        )
        ground, under = "ground", 0
    for number in range(under, len(film.sheets)):
        chains.append(_laid(ground, number, film.sheets[number], film.begins))
        ground = f"o{number}"
    if film.source is None and film.looks != "null":
        chains.append(f"[{ground}]format=yuv420p,{film.looks},format=yuv420p[looked]")
        ground = "looked"
    for number, sheet in enumerate(film.captions, len(film.sheets)):
        chains.append(_laid(ground, number, sheet, 0))
        ground = f"o{number}"
    enlarge = "" if film.drawn == film.size else f"scale={film.size[0]}:{film.size[1]},"
    # An extension's two parts come first, and are joined behind.
    picture, sound = ("film", "sound") if film.prologue else ("out0", "out1")
    chains.append(
        f"[{ground}]trim=duration={film.seconds},{enlarge}fps={FRAME_RATE},"
        f"format=yuv420p,setsar=1[{picture}]"
    )
    chains.append(f"{_sound(film)}[{sound}]")
    if film.prologue is not None:
        chains += _before(film.prologue, film)
        chains.append("[before][beforesound][film][sound]concat=n=2:v=1:a=1[out0][out1]")
    return chains


def _loaded(number: int, sheet: Sheet) -> str:
    fade = ""
    if sheet.appears is not None:
        fade = f",fade=in:st={sheet.appears[0]}:d={sheet.appears[1]}:alpha=1"
    return (
        f"movie={number}.png:f=png_pipe:format_opts=framerate={FRAME_RATE},"
        f"scale=out_color_matrix=bt709:out_range=tv,format=yuva420p,"
        f"loop=loop=-1:size=1:start=0,setpts=N/{FRAME_RATE}/TB{fade}[s{number}]"
    )


def _laid(ground: str, number: int, sheet: Sheet, begins: float) -> str:
    x, y, shown = (
        re.sub(r"\bt\b", f"(t+{begins})", term) if begins else term
        for term in (sheet.x, sheet.y, sheet.shown)
    )
    enabled = "" if shown == "1" else f":enable='{shown}'"
    return (
        f"[{ground}][s{number}]overlay=x='{x}':y='{y}':eval=frame:eof_action=repeat{enabled}"
        f"[o{number}]"
    )


def _before(source: Source, film: Film) -> list[str]:
    width, height = film.size
    picture = (
        f"movie=prologue.mp4,fps={FRAME_RATE},scale={width}:{height}:flags=fast_bilinear,"
        f"format=yuv420p,setsar=1,setpts=PTS-STARTPTS[before]"
    )
    if source.has_sound:
        return [picture, f"amovie=prologue.mp4,{_MONO}[beforesound]"]
    return [picture, f"anullsrc=r=44100:cl=mono:d={source.seconds}[beforesound]"]


def _sound(film: Film) -> str:
    seconds = film.seconds
    leaving = max(0.0, seconds - 0.6)
    shape = f"afade=in:d=0.4,afade=out:st={leaving}:d=0.6"
    if film.source is not None and film.source.has_sound:
        return f"amovie=source.mp4,{_MONO},apad,atrim=duration={seconds},asetpts=PTS-STARTPTS"
    voices = [
        f"sine=frequency={frequency}:sample_rate=44100:duration={seconds}[v{number}]"
        for number, frequency in enumerate(film.chord)
    ]
    joined = "".join(f"[v{number}]" for number in range(len(voices)))
    chord = f"{joined}amix=inputs={len(voices)},tremolo=f=0.4:d=0.5,volume=0.5"
    if not film.sound:
        return ";".join([*voices, f"{chord},{shape}"])
    place = f"{film.sound},atrim=duration={seconds}[place]"
    mix = f"[chord][place]amix=inputs=2:duration=first:normalize=0,{shape}"
    return ";".join([*voices, f"{chord}[chord]", place, mix])


def _encoding(film: Film) -> dict[str, object]:
    options = {"preset": "ultrafast", "tune": "fastdecode", "crf": "24", "g": "48"}
    return {
        "options": options,
        "rate": FRAME_RATE,
        "threads": film.threads,
        "bt709": True,
        "comment": film.comment,
    }
