"""The few things ffmpeg is asked to make: an MP4 that plays everywhere, a picture, a proof.

Owns the arguments. Every function writes its destination anew and tells by its answer whether that
worked; where files live and what they are called is the store's business.
"""

from pathlib import Path

from bot.media.ffmpeg import ENCODE, PROBE, Ffmpeg, from_file
from bot.media.probe import check_disk
from bot.media.sniff import Format

MP4 = ("-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4")
STREAMS = ("-map", "0:v:0", "-map", "0:a:0?")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-threads", "2")
# Even numbers, which yuv420p needs, and square pixels.
_EVEN = "scale='trunc(iw*sar/2)*2':'trunc(ih/2)*2',setsar=1"

# EXIF's eight ways to hold a camera, and what turns each upright.
_UPRIGHT = {
    2: "hflip",
    3: "hflip,vflip",
    4: "vflip",
    5: "transpose=0",
    6: "transpose=1",
    7: "transpose=3",
    8: "transpose=2",
}


async def remux(ffmpeg: Ffmpeg, source: Path, format_: Format, destination: Path) -> bool:
    """The same picture and sound in a fresh MP4, its index in front, nothing else inside."""
    run = await ffmpeg.run(
        [
            *("-v", "error", *from_file(source, format_.demuxer), *STREAMS),
            *("-c", "copy", *MP4, f"file:{destination}"),
        ],
        PROBE,
    )
    check_disk(run)
    return run.ok


async def to_mp4(
    ffmpeg: Ffmpeg, source: Path, format_: Format, destination: Path, *, seconds: int
) -> bool:
    """An MP4 of H.264 and AAC, upright, of at most ``seconds`` seconds."""
    run = await ffmpeg.run(
        [
            *("-v", "error", *from_file(source, format_.demuxer), *STREAMS, "-t", str(seconds)),
            *("-vf", _EVEN, *H264, "-preset", "fast", "-crf", "18"),
            *("-c:a", "aac", "-b:a", "160k", "-ac", "2", *MP4, f"file:{destination}"),
        ],
        ENCODE,
    )
    check_disk(run)
    return run.ok


async def to_picture(
    ffmpeg: Ffmpeg, source: Path, format_: Format, destination: Path, *, orientation: int = 1
) -> bool:
    """The (first) picture, turned upright, as JPEG or PNG by the destination's extension."""
    upright = _UPRIGHT.get(orientation)
    jpeg = ("-c:v", "mjpeg", "-pix_fmt", "yuvj444p", "-q:v", "2")
    run = await ffmpeg.run(
        [
            *("-v", "error", *from_file(source, format_.demuxer), "-map", "0:v:0"),
            *(("-vf", upright) if upright else ()),
            *(jpeg if destination.suffix == ".jpg" else ("-c:v", "png")),
            *("-map_metadata", "-1", "-frames:v", "1", "-f", "image2", "-update", "1"),
            f"file:{destination}",
        ],
        PROBE,
    )
    check_disk(run)
    return run.ok


async def decodes(ffmpeg: Ffmpeg, source: Path, format_: Format) -> bool:
    """Whether a picture can really be decoded."""
    run = await ffmpeg.run(
        [
            *("-v", "error", "-xerror", *from_file(source, format_.demuxer)),
            *("-frames:v", "1", "-f", "null", "-"),
        ],
        PROBE,
    )
    check_disk(run)
    return run.ok
