"""What a gateway says about a refusal by its moderation reaches people in our words."""

from typing import Any

import pytest

from bot.domain.errors import Code, ProviderError
from bot.domain.moderation import ModeratedPart, ModerationReason
from bot.providers import moderation
from bot.ui.messages import Messages
from tests.unit.adapters import PREPARED, TASK, apimart, evolink

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
