"""What a provider says about a refusal by its moderation reaches people in our words."""

from typing import Any

import pytest

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.moderation import ModeratedPart, ModerationReason
from bot.providers import moderation
from bot.ui.text.messages import Messages
from tests.unit.adapters import PREPARED, TASK, Adapter, apimart, both, evolink

ENGLISH = Messages.for_locale("en-US")


@pytest.mark.parametrize(
    ("said", "part", "reason"),
    [
        ("The input image contains photorealistic people", "input", "real_people"),
        ("Prompt names a celebrity", "prompt", "celebrity"),
        ("prompt: trademark_violation", "prompt", "trademark"),
        ("The generated video was blocked: nudity", "result", "nudity"),
        ("violence in the prompt", "prompt", "violence"),
        ("sexual content involving minors", "unknown", "minors"),
        ("photorealistic people are not allowed", "unknown", "real_people"),
        ("blocked", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_the_words_name_part_and_reason(said: str, part: str, reason: str) -> None:
    assert moderation.facts(said) == {"part": part, "reason": reason}


async def test_both_ways_of_a_refusal_carry_them() -> None:
    error: dict[str, Any] = {
        "code": "content_policy_violation",
        "sub_type": "celebrity",
        "message": "The prompt was rejected",
    }
    report = await evolink({"id": TASK, "status": "failed", "error": error}).query(TASK)
    assert report.error is not None
    assert (report.error.facts["part"], report.error.facts["reason"]) == ("prompt", "celebrity")
    for provider, body in (
        (evolink, {"error": {"code": "content_filter", "message": "image with nudity"}}),
        (apimart, {"error": {"code": 400, "message": "image violates policy: nudity"}}),
    ):
        with pytest.raises(ProviderError) as caught:
            await provider(body, 400).submit(PREPARED, key="k")
        assert caught.value.code is Code.MODERATED
        facts = caught.value.facts
        assert (facts["part"], facts["reason"]) == ("input", "nudity")


@both
@pytest.mark.parametrize(
    "words",
    [
        "Blocked by our usage guidelines",
        "PROHIBITED_CONTENT",
        "The image was flagged: nudity",
        "prompt names a public figure",
        "rai_filtered: unsafe output",
        "may infringe copyright",
        "inappropriate content",
    ],
)
async def test_a_code_that_nobody_knows_is_read_by_its_words(adapter: Adapter, words: str) -> None:
    """Else people are told to try the same once more."""
    error = {"code": "E1042", "message": words}
    report = await adapter({"data": {"id": TASK, "status": "failed", "error": error}}).query(TASK)
    assert report.error is not None
    assert report.error.code is Code.MODERATED
    with pytest.raises(ProviderError) as caught:
        await adapter({"error": error}, 400).submit(PREPARED, key="k")
    assert (caught.value.code, caught.value.accepted) == (Code.MODERATED, Accepted.NO)


@both
@pytest.mark.parametrize("words", ["aspect_ratio is case-sensitive", "no such model", "too long"])
async def test_other_words_are_no_moderation(adapter: Adapter, words: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await adapter({"error": {"code": "E7", "message": words}}, 400).submit(PREPARED, key="k")
    assert caught.value.code is Code.PROVIDER_REJECTED


async def test_a_code_that_the_page_names_means_what_the_page_says() -> None:
    error = {"code": "invalid_parameters", "message": "safety is no parameter"}
    report = await evolink({"id": TASK, "status": "failed", "error": error}).query(TASK)
    assert report.error is not None
    assert report.error.code is Code.PROVIDER_REJECTED


@pytest.mark.parametrize("name", ["type", "sub_type", "subtype", "sub_code", "category", "reason"])
async def test_a_refused_request_says_its_sub_type_too(name: str) -> None:
    error = {"code": "content_policy_violation", name: "celebrity", "message": "The prompt: no"}
    with pytest.raises(ProviderError) as caught:
        await evolink({"error": error}, 400).submit(PREPARED, key="k")
    assert (caught.value.facts["part"], caught.value.facts["reason"]) == ("prompt", "celebrity")


@pytest.mark.parametrize("part", ModeratedPart)
@pytest.mark.parametrize("reason", ModerationReason)
def test_every_pair_has_its_sentences_and_promises_nothing(
    part: ModeratedPart, reason: ModerationReason
) -> None:
    said = ENGLISH.explain(Code.MODERATED, {"part": part.value, "reason": reason.value})
    assert said.count(".") == 2
    assert "try" not in said.lower()
    assert "may pass" not in said
    assert ENGLISH.explain(Code.MODERATED, {}) != said
