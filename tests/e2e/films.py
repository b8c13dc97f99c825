"""Small files for the tests: a film that the gateways hand out, pictures, and files that lie."""

import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
from PIL import Image


def film(path: Path, *, seconds: float = 2, size: str = "160x90", kbit: int = 0) -> Path:
    """A film with sound that plays everywhere; ``kbit`` fills it with noise of that rate."""
    picture = f"testsrc2=s={size}:r=12:d={seconds}"
    more: list[str] = []
    if kbit:
        picture += ",noise=alls=100:allf=t"
        more = ["-b:v", f"{kbit}k", "-minrate", f"{kbit}k", "-maxrate", f"{kbit}k"]
        more += ["-bufsize", f"{kbit}k"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", picture]
    command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    command += ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", *more]
    command += ["-c:a", "aac", "-movflags", "+faststart", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def picture(kind: str = "PNG", size: tuple[int, int] = (320, 200), colour: str = "#c2410c") -> bytes:
    """A picture of one colour in a format that Pillow knows."""
    held = io.BytesIO()
    Image.new("RGB", size, colour).save(held, kind)
    return held.getvalue()
