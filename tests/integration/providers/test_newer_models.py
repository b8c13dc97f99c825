"""The 1.1 family at both providers: quality, frames, references, extension, prices."""

from typing import Any

import pytest

from sandbox.providers.rules import APIMART, EVOLINK
from tests.integration.providers.harness import Bench, as_base64, draw

FAMILY = "gemini-omni-1.1-flash"
TEXT, IMAGE, REFERENCE, EDIT, EXTEND = (
    f"{FAMILY}-{task}"
    for task in (
        "text-to-video",
        "image-to-video",
        "reference-to-video",
        "video-edit",
        "video-extend",
    )
)


async def seconds_and_aspect(bench: Bench, body: dict[str, Any]) -> tuple[int, str]:
    answer = await bench.evolink(body)
    assert answer.status == 200, answer.json
    task = bench.providers.evolink.tasks[answer.json["id"]]
    return task.seconds, task.aspect


async def test_defaults_are_three_seconds_and_auto(bench: Bench) -> None:
    assert await seconds_and_aspect(bench, {"model": TEXT, "prompt": "p"}) == (3, "16:9")
    tall = bench.serve("tall.png", draw((36, 64)))
    body = {"model": IMAGE, "prompt": "p", "image_urls": [tall]}
    assert await seconds_and_aspect(bench, body) == (3, "9:16")


@pytest.mark.parametrize(
    ("quality", "factor"), [("360p", 1 / 3), ("720p", 1), ("1080p", 1.5), ("4k", 3)]
)
async def test_quality_has_its_price(bench: Bench, quality: str, factor: float) -> None:
    answer = await bench.evolink({"model": TEXT, "prompt": "p", "duration": 4, "quality": quality})
    reserved = answer.json["usage"]["credits_reserved"]
    assert reserved == pytest.approx(4 * 0.1 * 68 * factor, abs=0.01)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"quality": "8k"}, "quality"),
        ({"quality": 720}, "quality"),
        ({"resolution": "720p"}, "resolution"),
        ({"duration": "auto"}, "duration"),
        ({"duration": 2}, "duration"),
    ],
)
async def test_wrong_parameters_of_text_to_video(
    bench: Bench, change: dict[str, Any], param: str
) -> None:
    answer = await bench.evolink({"model": TEXT, "prompt": "p"} | change)
    assert answer.status == 400
    assert answer.json["error"]["param"] == param


async def test_the_second_image_is_the_last_frame_and_urls_alone_are_taken(bench: Bench) -> None:
    urls = [bench.serve(f"{n}.png", draw()) for n in range(3)]
    ask = {"model": IMAGE, "prompt": "p"}
    answer = await bench.evolink(ask | {"image_urls": urls[:2]})
    submission = bench.providers.evolink.tasks[answer.json["id"]].submission
    assert (submission.images, submission.last_frame) == ((urls[0],), urls[1])
    for wrong in (urls, [], [as_base64(draw())], [f"data:image/png;base64,{as_base64(draw())}"]):
        assert (await bench.evolink(ask | {"image_urls": wrong})).status == 400


async def test_references_are_images_and_some_videos(bench: Bench) -> None:
    images = [bench.serve(f"{n}.png", draw()) for n in range(11)]
    video = await bench.video(await bench.made({"model": TEXT, "prompt": "p"}))
    ask = {"model": REFERENCE, "prompt": "p"}
    right = {"image_urls": images[:10], "video_urls": [video] * 3}
    assert (await bench.evolink(ask | right)).status == 200
    for wrong in (
        {"video_urls": [video]},
        {"image_urls": images},
        {"image_urls": images[:1], "video_urls": [video] * 4},
    ):
        assert (await bench.evolink(ask | wrong)).status == 400


async def test_an_edit_takes_references_but_no_duration(bench: Bench, long_video: bytes) -> None:
    video = await bench.video(await bench.made({"model": TEXT, "prompt": "p"}))
    image = bench.serve("a.png", draw())
    ask = {"model": EDIT, "prompt": "p", "video_urls": [video]}
    assert (await bench.evolink(ask | {"image_urls": [image], "quality": "1080p"})).status == 200
    assert (await bench.evolink(ask | {"image_urls": [image] * 11})).status == 400
    assert (await bench.evolink(ask | {"duration": 3})).status == 400
    long = bench.serve("long.mp4", long_video)
    assert (await bench.evolink(ask | {"video_urls": [long]})).status == 400


async def test_an_extension_takes_longer_videos_and_pays_for_what_is_added(
    bench: Bench, long_video: bytes
) -> None:
    long = bench.serve("long.mp4", long_video)
    body = {"model": EXTEND, "prompt": "p", "video_urls": [long], "duration": 4}
    answer = await bench.evolink(body)
    bench.clock.advance(8)
    task = await bench.task(answer.json["id"])
    assert task["task_info"]["video_duration"] == 15
    assert task["usage"]["cost"]["usd"] == pytest.approx(4 * 0.1)
    assert (await bench.evolink(body | {"aspect_ratio": "16:9"})).status == 400


async def test_apimart_s_newer_model(bench: Bench) -> None:
    first, last = (bench.serve(f"{n}.png", draw()) for n in "ab")
    ask = {"model": FAMILY, "prompt": "p"}

    async def mode(**body: Any) -> str:
        answer = await bench.apimart(ask | body)
        assert answer.status == 200, answer.json
        task_id = answer.json["data"][0]["task_id"]
        return bench.providers.apimart.tasks[task_id].submission.mode

    assert await mode(resolution="4k") == "text"
    assert await mode(first_frame_image=first, last_frame_image=last) == "image"
    assert await mode(image_urls=[first] * 10) == "reference"
    frames = {"first_frame_image": first, "last_frame_image": last}
    assert await mode(**frames, image_urls=[first] * 8) == "image"
    assert await mode(image_urls=[first], metadata={"task": "reference_to_video"}) == "reference"
    parent = await bench.made(ask)
    assert await mode(extend_from_task_id=parent) == "edit"
    assert await mode(extend_from_task_id=parent, metadata={"task": "extend"}) == "extend"
    for wrong in (
        {"image_urls": [first] * 11},
        frames | {"image_urls": [first] * 9},
        {"resolution": "8k"},
        {"last_frame_image": last},
        {"first_frame_image": "data:image/png;base64,aGVsbG8="},
        {"metadata": {"task": "nonsense"}},
        {"metadata": "edit"},
        {"metadata": {"task": "extend"}},
        {"metadata": {"task": "edit"}},
        {"metadata": {"tool": 1}},
        {"duration": 5},
    ):
        assert (await bench.apimart(ask | wrong)).status == 400, wrong


def test_every_model_has_a_price_for_every_quality() -> None:
    for model in (*EVOLINK.values(), *APIMART.values()):
        qualities = model.quality.values if model.quality else ("720p",)
        assert set(model.price) == set(qualities)
        assert len(EVOLINK) == 9
