"""The packaged catalogue, the operator's changes to it, and how requests are fitted to it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Adjustment, Catalogue, Mode, ModelName, Offer, ProviderName
from bot.domain.errors import Code, Refused
from bot.domain.fitting import fit, modes_for
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.request import Operation, VideoRequest
from bot.providers.catalogue import CatalogueError, load_catalogue

EVOLINK = ProviderName("evolink")
APIMART = ProviderName("apimart")
OLD = ModelName("omni-flash")
NEW = ModelName("omni-flash-1.1")
IMAGE = StoredMedia(
    kind=MediaKind.IMAGE, path="a.png", mime="image/png", size=1, sha256="0", width=9, height=16
)
VIDEO = StoredMedia(
    kind=MediaKind.VIDEO, path="a.mp4", mime="video/mp4", size=1, sha256="1", width=16, height=9
)


def offer(
    provider: ProviderName, model: ModelName, mode: Mode, *, catalogue: Catalogue | None = None
) -> Offer:
    offers = (catalogue or load_catalogue()).for_provider(provider, model)
    return next(one for one in offers if one.mode is mode)


def test_both_generations_are_shipped_at_both_providers() -> None:
    catalogue = load_catalogue()
    assert catalogue.models() == (OLD, NEW)
    assert catalogue.default_model == NEW
    assert dict(catalogue.titles) == {
        OLD: "Gemini Omni Flash 1.0",
        NEW: "Gemini Omni Flash 1.1",
    }
    modes = {
        (provider, model): {one.mode for one in catalogue.for_provider(provider, model)}
        for provider in (EVOLINK, APIMART)
        for model in (OLD, NEW)
    }
    assert modes == {
        (EVOLINK, OLD): {Mode.TEXT, Mode.IMAGE, Mode.REFERENCE, Mode.EDIT},
        (EVOLINK, NEW): set(Mode),
        (APIMART, OLD): {Mode.TEXT, Mode.IMAGE, Mode.EDIT},
        (APIMART, NEW): set(Mode),
    }


@pytest.mark.parametrize("one", load_catalogue().offers, ids=lambda o: f"{o.model_id}-{o.mode}")
def test_every_packaged_offer_has_a_price_for_each_resolution(one: Offer) -> None:
    assert set(one.micro_usd_per_second) == set(one.resolutions)
    assert all(10_000 <= price <= 1_000_000 for price in one.micro_usd_per_second.values())
    assert one.resolutions[0] == "720p"


def test_any_key_can_be_overridden_and_the_rest_stays() -> None:
    catalogue = load_catalogue(
        overrides={
            "evolink": {
                "omni-flash-1.1": {
                    "title": "Flash!",
                    "text": {
                        "max_duration": 15,
                        "micro_usd_per_second": {"4k": 1},
                    },
                }
            }
        }
    )
    changed = offer(EVOLINK, NEW, Mode.TEXT, catalogue=catalogue)
    before = offer(EVOLINK, NEW, Mode.TEXT)
    assert changed.max_duration == 15
    assert changed.min_duration == before.min_duration
    assert dict(changed.micro_usd_per_second) == {**before.micro_usd_per_second, "4k": 1}
    assert catalogue.titles[NEW] == "Flash!"
    assert offer(EVOLINK, NEW, Mode.EDIT, catalogue=catalogue) == offer(EVOLINK, NEW, Mode.EDIT)


def test_a_resolution_that_is_taken_away_takes_its_price_along() -> None:
    tables = {"text": {"resolutions": ["1080p", "720p"]}}
    changed = offer(
        EVOLINK,
        NEW,
        Mode.TEXT,
        catalogue=load_catalogue(overrides={"evolink": {"omni-flash-1.1": tables}}),
    )
    assert changed.resolutions == ("1080p", "720p")
    assert dict(changed.micro_usd_per_second) == {"720p": 100_000, "1080p": 150_000}


def test_new_models_and_providers_can_be_added_and_modes_taken_away() -> None:
    catalogue = load_catalogue(
        default_model="omni-flash-1.2",
        overrides={
            "evolink": {
                "omni-flash": {
                    mode: {"enabled": False} for mode in ("text", "image", "reference", "edit")
                },
                "omni-flash-1.2": {"text": {"model_id": "gemini-omni-1.2-flash-text-to-video"}},
            },
            "apimart": {
                "omni-flash": {mode: {"enabled": False} for mode in ("text", "image", "edit")}
            },
        },
    )
    assert catalogue.models() == (NEW, ModelName("omni-flash-1.2"))
    assert catalogue.titles[ModelName("omni-flash-1.2")] == "omni-flash-1.2"


AT = "providers.evolink.models.omni-flash"


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (3, f"{AT} must be a table of modes, not 3."),
        ({"text": 3}, f"{AT}.text must be a table of keys, not 3."),
        ({"title": " "}, f"{AT}.title must be a text, not ' '."),
        (
            {"txt": {"model_id": "x"}},
            f"{AT}.txt: there is no such mode, the nearest is text.",
        ),
        (
            {"text": {"modelid": "x"}},
            f"{AT}.text.modelid: there is no such key, the nearest is model_id.",
        ),
        (
            {"text": {"max_duration": "ten"}},
            f"{AT}.text.max_duration must be a valid integer, not 'ten'.",
        ),
        (
            {"text": {"max_duration": 2}},
            f"{AT}.text needs 1 ≤ min_duration ≤ default_duration ≤ max_duration, not 3, 10, 2.",
        ),
        (
            {"text": {"max_duration": 0}},
            f"{AT}.text has a min_duration or default_duration but no max_duration.",
        ),
        (
            {"text": {"spoken_duration": True}},
            (
                f"{AT}.text has spoken_duration, which needs 1 ≤ min_duration ≤ max_duration and no"
                " default_duration."
            ),
        ),
        (
            {"image": {"min_images": 2}},
            f"{AT}.image needs min_images ≤ max_images, not 2 and 1.",
        ),
        (
            {"text": {"micro_usd_per_second": {"8k": 1}}},
            f'{AT}.text has a price for "8k", which is not one of "720p".',
        ),
        (
            {"text": {"micro_usd_per_second": {"720p": -1}}},
            f'{AT}.text has a price for "720p" outside 0 to 100000000 micro-USD.',
        ),
        (
            {"extend": {"max_images": 2}},
            f"{AT}.extend.model_id is missing: a new entry needs it.",
        ),
    ],
)
def test_a_mistake_is_reported_in_one_sentence_that_names_it(tables: Any, sentence: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(overrides={"evolink": {"omni-flash": tables}})
    assert caught.value.problems == (sentence,)


def test_a_spoken_length_has_limits_and_is_held_as_asked() -> None:
    spoken = offer(APIMART, NEW, Mode.TEXT)
    asked = fit(VideoRequest(prompt="a fox", duration=7), spoken)
    assert (asked.duration, asked.seconds, asked.micro_usd) == (7, 7, 7 * 88_000)
    assert asked.adjustments == (
        Adjustment(option="duration", requested="7", applied="7", spoken=True),
    )
    left = fit(VideoRequest(prompt="a fox"), spoken)
    assert (left.duration, left.seconds, left.adjustments) == (None, 10, ())
    for value in (2, 11):
        with pytest.raises(Refused) as caught:
            fit(VideoRequest(prompt="a fox", duration=value), spoken)
        assert caught.value.code is Code.DURATION_UNSUPPORTED


def test_the_default_model_must_exist() -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(default_model="omni")
    assert caught.value.problems == (
        'The default model "omni" is not in the catalogue; it has "omni-flash", "omni-flash-1.1".',
    )


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats()
TABLES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["omni-flash", "text", "title", "model_id", "resolutions", "", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


FAMILIES = st.dictionaries(st.sampled_from(["omni-flash", "x"]), TABLES, max_size=2)


@given(tables=st.dictionaries(st.sampled_from(["evolink", "x"]), FAMILIES, max_size=2))
def test_no_override_raises_anything_but_sentences(tables: dict[str, Any]) -> None:
    try:
        load_catalogue(overrides=tables)
    except CatalogueError as error:
        problems = error.problems
    else:
        problems = ("fine.",)
    assert problems
    assert all(problem.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    ("request_", "modes"),
    [
        (VideoRequest(prompt="x"), (Mode.TEXT,)),
        (VideoRequest(images=(IMAGE,)), (Mode.IMAGE, Mode.REFERENCE)),
        (VideoRequest(images=(IMAGE, IMAGE)), (Mode.REFERENCE, Mode.IMAGE)),
        (VideoRequest(images=(IMAGE,), last_frame=IMAGE), (Mode.IMAGE, Mode.REFERENCE)),
        (VideoRequest(video=VIDEO), (Mode.EDIT,)),
        (VideoRequest(operation=Operation.EDIT, images=(IMAGE,)), (Mode.EDIT,)),
        (VideoRequest(operation=Operation.EXTEND), (Mode.EXTEND,)),
    ],
)
def test_the_mode_follows_from_what_is_given(
    request_: VideoRequest, modes: tuple[Mode, ...]
) -> None:
    assert modes_for(request_) == modes


def test_defaults_of_the_first_generation() -> None:
    plan = fit(VideoRequest(prompt="a cat"), offer(EVOLINK, OLD, Mode.TEXT))
    assert (plan.duration, plan.aspect_ratio, plan.resolution) == (10, "16:9", "720p")
    assert (plan.seconds, plan.micro_usd, plan.adjustments) == (10, 860_000, ())


def test_auto_is_held_as_the_longest() -> None:
    plan = fit(VideoRequest(prompt="a cat", duration="auto"), offer(EVOLINK, OLD, Mode.TEXT))
    assert (plan.duration, plan.auto_duration, plan.seconds) == (None, True, 10)


def test_auto_becomes_the_default_where_a_model_has_no_auto() -> None:
    plan = fit(VideoRequest(prompt="a cat", duration="auto"), offer(EVOLINK, NEW, Mode.TEXT))
    assert (plan.duration, plan.seconds) == (3, 3)
    (adjustment,) = plan.adjustments
    assert (adjustment.option, adjustment.requested, adjustment.applied) == (
        "duration",
        "auto",
        "3",
    )


def test_a_mode_without_a_duration_says_so() -> None:
    for one in (offer(EVOLINK, OLD, Mode.EDIT), offer(APIMART, OLD, Mode.TEXT)):
        plan = fit(VideoRequest(prompt="x", duration=5), one)
        assert plan.duration is None
        assert [(a.option, a.requested, a.applied) for a in plan.adjustments] == [
            ("duration", "5", None)
        ]


def test_an_edit_is_held_by_the_length_of_its_source() -> None:
    request = VideoRequest(operation=Operation.EDIT, prompt="x", source_ms=4200)
    assert fit(request, offer(EVOLINK, OLD, Mode.EDIT)).seconds == 5


def test_prices_follow_the_resolution() -> None:
    one = offer(EVOLINK, NEW, Mode.TEXT)
    prices = {
        resolution: fit(VideoRequest(prompt="x", duration=10, resolution=resolution), one).micro_usd
        for resolution in ("360p", "720p", "1080p", "4k")
    }
    assert prices == {"360p": 333_330, "720p": 1_000_000, "1080p": 1_500_000, "4k": 3_000_000}


@pytest.mark.parametrize(
    ("request_", "at", "code", "facts"),
    [
        (VideoRequest(), (EVOLINK, OLD, Mode.TEXT), Code.PROMPT_MISSING, {"mode": "text"}),
        (
            VideoRequest(images=(IMAGE,)),
            (EVOLINK, OLD, Mode.IMAGE),
            Code.PROMPT_MISSING,
            {"mode": "image"},
        ),
        (
            VideoRequest(prompt="x" * 4001),
            (EVOLINK, OLD, Mode.TEXT),
            Code.PROMPT_TOO_LONG,
            {"length": 4001, "limit": 4000},
        ),
        (
            VideoRequest(prompt="x", images=(IMAGE,) * 17),
            (APIMART, OLD, Mode.IMAGE),
            Code.TOO_MANY_IMAGES,
            {"given": 17, "limit": 16},
        ),
        (
            VideoRequest(prompt="x", operation=Operation.EDIT, images=(IMAGE,)),
            (EVOLINK, OLD, Mode.EDIT),
            Code.TOO_MANY_IMAGES,
            {"given": 1, "limit": 0},
        ),
        (
            VideoRequest(prompt="x", last_frame=IMAGE),
            (EVOLINK, OLD, Mode.TEXT),
            Code.START_IMAGE_MISSING,
            {"mode": "text"},
        ),
        (
            VideoRequest(prompt="x", images=(IMAGE,), last_frame=IMAGE),
            (EVOLINK, OLD, Mode.IMAGE),
            Code.LAST_FRAME_UNSUPPORTED,
            {"mode": "image"},
        ),
        (
            VideoRequest(prompt="x", video=VIDEO, source_ms=12_000),
            (EVOLINK, OLD, Mode.EDIT),
            Code.MEDIA_DURATION,
            {"seconds": 12, "limit": 10},
        ),
        (
            VideoRequest(prompt="x", operation=Operation.EDIT, source_ms=12_000),
            (EVOLINK, OLD, Mode.EDIT),
            Code.MEDIA_DURATION,
            {"seconds": 12, "limit": 10},
        ),
        (
            VideoRequest(prompt="x", duration=11),
            (EVOLINK, OLD, Mode.TEXT),
            Code.DURATION_UNSUPPORTED,
            {"requested": 11, "minimum": 3, "maximum": 10},
        ),
        (
            VideoRequest(prompt="x", aspect_ratio="1:1"),
            (EVOLINK, OLD, Mode.TEXT),
            Code.ASPECT_RATIO_UNSUPPORTED,
            {"requested": "1:1", "allowed": ["16:9", "9:16", "auto"]},
        ),
        (
            VideoRequest(prompt="x", resolution="4k"),
            (EVOLINK, OLD, Mode.TEXT),
            Code.RESOLUTION_UNSUPPORTED,
            {"requested": "4k", "allowed": ["720p"]},
        ),
    ],
)
def test_a_refusal_says_what_the_model_can_do(
    request_: VideoRequest,
    at: tuple[ProviderName, ModelName, Mode],
    code: Code,
    facts: dict[str, Any],
) -> None:
    with pytest.raises(Refused) as caught:
        fit(request_, offer(*at))
    assert caught.value.code is code
    assert facts.items() <= caught.value.facts.items()
    assert caught.value.facts["model"] == OLD


def test_media_alone_is_enough_where_the_page_says_so() -> None:
    plan = fit(VideoRequest(images=(IMAGE,) * 16), offer(APIMART, OLD, Mode.IMAGE))
    assert plan.mode is Mode.IMAGE


@pytest.mark.parametrize(
    ("at", "request_"),
    [
        ((EVOLINK, OLD, Mode.EDIT), VideoRequest(operation=Operation.EDIT)),
        ((APIMART, OLD, Mode.EDIT), VideoRequest(operation=Operation.EDIT)),
        ((APIMART, NEW, Mode.EDIT), VideoRequest(operation=Operation.EDIT, video=VIDEO)),
        ((EVOLINK, NEW, Mode.EXTEND), VideoRequest(operation=Operation.EXTEND)),
    ],
)
def test_a_change_without_words_or_images_is_refused_everywhere(
    at: tuple[ProviderName, ModelName, Mode], request_: VideoRequest
) -> None:
    with pytest.raises(Refused) as caught:
        fit(request_, offer(*at))
    editing = at[2] is Mode.EDIT
    assert caught.value.code is (Code.INSTRUCTION_MISSING if editing else Code.PROMPT_MISSING)


def test_an_image_alone_says_what_to_change_where_a_model_reads_it() -> None:
    request = VideoRequest(operation=Operation.EDIT, images=(IMAGE,))
    assert fit(request, offer(APIMART, OLD, Mode.EDIT)).mode is Mode.EDIT


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({"model": "Gemini Omni Flash 1.1"}, {"model": NEW}),
        ({"model": " gemini omni  FLASH 1.1 "}, {"model": NEW}),
        ({"model": "OMNI-FLASH"}, {"model": OLD}),
        ({"model": "  "}, {"model": None}),
        ({"model": " Sora "}, {"model": "Sora"}),
        ({"resolution": "720P"}, {"resolution": "720p"}),
        ({"resolution": " 1080 p"}, {"resolution": "1080p"}),
        ({"resolution": "720"}, {"resolution": "720p"}),
        ({"resolution": "4K"}, {"resolution": "4k"}),
        ({"resolution": "Auto"}, {"resolution": "auto"}),
        ({"resolution": "huge"}, {"resolution": "huge"}),
        ({"aspect_ratio": " 16:9 "}, {"aspect_ratio": "16:9"}),
        ({"aspect_ratio": "9 x 16"}, {"aspect_ratio": "9:16"}),
        ({"aspect_ratio": "１６：９"}, {"aspect_ratio": "16:9"}),
        ({"aspect_ratio": "9∶16"}, {"aspect_ratio": "9:16"}),
        ({"resolution": "７２０ｐ"}, {"resolution": "720p"}),
        ({"aspect_ratio": "AUTO"}, {"aspect_ratio": "auto"}),
        ({"aspect_ratio": ""}, {"aspect_ratio": None}),
    ],
)
def test_options_are_understood_however_they_are_spelled(
    typed: dict[str, Any], meant: dict[str, Any]
) -> None:
    catalogue = load_catalogue()
    known = catalogue.understood(VideoRequest(prompt="x", **typed))
    assert known == VideoRequest(prompt="x", **meant)
    assert catalogue.understood(known) == known


@given(
    duration=st.none() | st.just("auto") | st.integers(-5, 20),
    aspect_ratio=st.none() | st.sampled_from(["16:9", "9:16", "auto", "1:1"]),
    resolution=st.none() | st.sampled_from(["360p", "720p", "1080p", "4k", "8k"]),
    images=st.integers(0, 17),
    one=st.sampled_from(load_catalogue().offers),
)
def test_what_is_applied_is_always_something_the_offer_has(
    duration: Any, aspect_ratio: str | None, resolution: str | None, images: int, one: Offer
) -> None:
    request = VideoRequest(
        prompt="x",
        duration=duration,
        aspect_ratio=aspect_ratio,
        resolution=resolution,
        images=(IMAGE,) * images,
    )
    try:
        plan = fit(request, one)
    except Refused as refusal:
        assert refusal.code in Code  # noqa: PT017
        return
    assert plan.duration is None or one.min_duration <= plan.duration <= one.max_duration
    assert plan.aspect_ratio is None or plan.aspect_ratio in one.aspect_ratios
    assert plan.resolution is None or plan.resolution in one.resolutions
    assert plan.micro_usd > 0
    requested = {"duration": duration, "aspect_ratio": aspect_ratio, "resolution": resolution}
    applied = {
        "duration": "auto" if plan.auto_duration else plan.duration,
        "aspect_ratio": plan.aspect_ratio,
        "resolution": plan.resolution,
    }
    reported = {adjustment.option for adjustment in plan.adjustments}
    for option, value in requested.items():
        if value is not None and value != applied[option] and value != "auto":
            assert option in reported, "an option was changed without notice"


def test_the_file_is_part_of_the_package() -> None:
    assert (Path(__file__).parents[2] / "bot/providers/catalog.toml").is_file()


@pytest.mark.parametrize("page", ["docs/howto/models.md", "docs/reference/providers.md"])
def test_the_examples_in_the_pages_are_right(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        reported = tomllib.loads(example)["providers"]
        default = reported.pop("default_model", "omni-flash-1.1")
        overrides = {name: table["models"] for name, table in reported.items()}
        load_catalogue(default_model=default, overrides=overrides)
