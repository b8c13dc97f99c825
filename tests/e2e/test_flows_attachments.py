"""Files that people attach to the real bot: taken for what they hold, refused before anything."""

import re
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
import pytest_asyncio

from sandbox.clips.footage import Encoding, write
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import film, picture
from tests.e2e.running import Running, running_bot
from tests.messages_view import answered_text

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGES = "I accept PNG, JPEG, WebP, GIF, HEIC, or AVIF."
VIDEOS = "I accept MP4, MOV, WebM, or MKV."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("attachments")
    async with running_bot(folder, validator, within={"media": "max_upload_mib = 1"}) as running:
        yield running


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header tells a size that its few bytes do not hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 64)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def repacked(source: Path, target: Path) -> Path:
    """The same film in the container that the target's name tells."""
    if target.suffix == ".webm":
        return write(target, f"movie={source}[out0]", Encoding(codec="libvpx"))
    with av.open(str(source)) as film, av.open(str(target), "w") as copy:
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in film.streams}
        for packet in film.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    return target


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("plain.png", "PNG"),
        ("really-a-jpeg.png", "JPEG"),
        ("photo.webp", "WEBP"),
        ("moving.gif", "GIF"),
        ("a-picture-called.mp4", "PNG"),
        ("a-picture-called.txt", "JPEG"),
        ("no-extension", "PNG"),
    ],
)
async def test_a_picture_is_one_whatever_it_is_called(
    running: Running, name: str, kind: str
) -> None:
    tom = running.person("tom")
    prompt = "from a file named " + re.sub(r"\W", " ", name)
    image = await tom.upload(name, picture(kind))
    await tom.video(prompt, image=image)
    await running.film(prompt)
    (sent,) = running.submitted(prompt)
    assert sent[0] == "evolink"
    assert len(sent[1]["image_urls"]) == 1


@pytest.mark.parametrize("suffix", ["mp4", "mov", "webm", "mkv"])
async def test_a_film_is_one_whatever_it_is_called(
    running: Running, tmp_path: Path, suffix: str
) -> None:
    tom = running.person("tom")
    made = film(tmp_path / "film.mp4")
    if suffix != "mp4":
        made = repacked(made, tmp_path / f"film.{suffix}")
    prompt = f"edit what is really {suffix}"
    clip = await tom.upload("clip.png", made.read_bytes())
    await tom.video(prompt, video=clip)
    await running.film(prompt)
    assert len(running.submitted(prompt)[0][1]["video_urls"]) == 1


async def test_what_cannot_be_used_is_refused_with_its_reason(
    running: Running, tmp_path: Path
) -> None:
    tom = running.person("tom")
    short = film(tmp_path / "short.mp4").read_bytes()
    heavy = film(tmp_path / "heavy.mp4", seconds=4, size="640x360", kbit=3000).read_bytes()
    long = film(tmp_path / "long.mp4", seconds=33, rate=2).read_bytes()
    page = b"#EXTM3U\nhttp://127.0.0.1/secret\n"
    refusals = [
        (
            "image",
            "words.png",
            b"only words",
            f"I can't use “words.png”. {IMAGES}",
        ),
        ("image", "film.png", short, f"I can't use “film.png”. {IMAGES}"),
        ("video", "photo.mp4", picture(), f"I can't use “photo.mp4”. {VIDEOS}"),
        ("video", "list.mp4", page, f"I can't use “list.mp4”. {VIDEOS}"),
        ("image", "cut.png", picture()[:150], "“cut.png” looks damaged: I couldn't read it."),
        ("video", "cut.mp4", short[: len(short) // 2], "“cut.mp4” looks damaged"),
        ("image", "wall.png", claimed(30_000, 20_000), "“wall.png” is 30,000 × 20,000 pixels"),
        (
            "video",
            "heavy.mp4",
            heavy,
            "“heavy.mp4” is too large: I accept files up to 1 MiB. Try a smaller copy.",
        ),
        (
            "video",
            "long.mp4",
            long,
            "That video is 33 seconds long; I accept up to 30 seconds. Trim it and try again.",
        ),
    ]
    for option, name, data, sentence in refusals:
        upload = await tom.upload(name, data)
        answered = await tom.video(f"refused because of {name}", **{option: upload})
        assert sentence in answered_text(answered), name
    await tom.video("the only one that was made")
    await running.film("the only one that was made")
    for _, name, _, _ in refusals:
        assert running.submitted(f"refused because of {name}") == []
    assert "in progress" in answered_text(await tom.command("quota"))
    history = answered_text(await tom.command("history"))
    assert "refused because" not in history


async def test_a_film_too_long_for_the_model_is_refused_with_the_limit(
    running: Running, tmp_path: Path
) -> None:
    tom = running.person("tom")
    clip = await tom.upload(
        "long.mp4", film(tmp_path / "long.mp4", seconds=12, rate=5).read_bytes()
    )
    refused = answered_text(await tom.video("shorten it", video=clip, model="omni-flash-1.1"))
    assert (
        refused
        == "That video is 12 seconds long; I accept up to 10 seconds. Trim it and try again."
    )
    # The first generation has a second home, which takes longer ones.
    await tom.video("keep it", video=clip, model="omni-flash")
    await running.film("keep it")
    assert running.submitted("keep it")[0][0] == "apimart"


async def test_a_file_that_is_gone_meanwhile(running: Running) -> None:
    tom = running.person("tom")
    posted = await tom.write("general", files=[await tom.upload("here.png", picture())])
    opened = await tom.menu("Make a video of this", posted)
    running.sandbox.discord.cdn.expire_everything()
    said = answered_text(await tom.fill(opened, prompt="too late"))
    assert said == "I couldn't download “here.png” from Discord. Please attach it again."
    assert running.submitted("too late") == []


async def test_menus_take_what_is_shared_by_its_content(running: Running, tmp_path: Path) -> None:
    """A sticker, a forwarded picture under a wrong name, a link's video, a Lottie drawing."""
    ana, tom = running.person("ana"), running.person("tom")
    people = running.sandbox.discord.people
    place = running.channel("videos")
    still = await ana.upload("wave.png", picture("PNG"))
    sticker = people.sharing.add_sticker("Wave", still, 2)
    waved = await people.send(ana.id, place, stickers=[sticker])
    wrong = await ana.write(
        "general", "look", files=[await ana.upload("holiday.mp4", picture("JPEG"))]
    )
    forwarded = await people.forward(ana.id, wrong["id"], place)
    for message, prompt in ((waved, "it waves back"), (forwarded, "waves roll in")):
        opened = await tom.menu("Make a video of this", message)
        assert "### On it" in answered_text(await tom.fill(opened, prompt=prompt))
        await running.film(prompt)
        ((_, body),) = running.submitted(prompt)
        assert len(body["image_urls"]) == 1

    clip = await ana.upload("clip", film(tmp_path / "clip.mp4").read_bytes())
    link = "https://example.com/clip.mp4"
    previews = [{"type": "video", "url": link, "upload": clip}]
    linked = await people.send(ana.id, place, link, previews=previews)
    opened = await tom.menu("Edit video", linked)
    assert "### On it" in answered_text(await tom.fill(opened, prompt="paint it blue"))
    await running.film("paint it blue")

    drawing = people.sharing.add_sticker("Drawn", await ana.upload("drawn.json", b"{}"), 3)
    drawn = await people.send(ana.id, place, stickers=[drawing])
    assert "an animation that Discord draws itself" in answered_text(
        await tom.menu("Make a video of this", drawn)
    )
    opened = await tom.menu("Edit video", wrong)
    assert f"I can't use “holiday.mp4”. {VIDEOS}" in answered_text(
        await tom.fill(opened, prompt="paint it red")
    )
    assert running.submitted("paint it red") == []
