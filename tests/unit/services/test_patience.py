"""How much trouble it takes until a provider is treated otherwise: the counts themselves."""

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.ids import GenerationId
from bot.engine.steps.batches import SINGLE_SECONDS, THROTTLED_TIMES, Batches
from bot.engine.stuck import Stage, Stuck

ONE, OTHER = ProviderName("one"), ProviderName("other")


def test_a_busy_provider_is_not_asked_once_more_for_each_batch() -> None:
    """429 wants a pause: a single query at once would be another call too many."""
    batches, busy = Batches(), ProviderError(Code.PROVIDER_RATE_LIMITED)
    assert THROTTLED_TIMES > 1
    for _ in range(THROTTLED_TIMES - 1):
        assert not batches.may_be_broken(ONE, busy)
    batches.answered(ONE)
    assert [batches.may_be_broken(ONE, busy) for _ in range(THROTTLED_TIMES)] == [
        *([False] * (THROTTLED_TIMES - 1)),
        True,
    ]
    assert not batches.may_be_broken(OTHER, busy)
    assert batches.may_be_broken(OTHER, ProviderError(Code.PROVIDER_MALFORMED))


def test_batches_rest_for_a_while_at_that_provider_only() -> None:
    batches = Batches()
    batches.avoid(ONE, 100.0)
    assert not batches.work(ONE, 100.0 + SINGLE_SECONDS - 1)
    assert batches.work(ONE, 100.0 + SINGLE_SECONDS)
    assert batches.work(OTHER, 100.0)


def fail(stuck: Stuck, stage: Stage, *numbers: int) -> None:
    for number in numbers:
        stuck.failed(ONE, stage, GenerationId(str(number)))


def test_two_that_do_not_get_on_are_an_accident_and_three_are_none() -> None:
    stuck = Stuck()
    fail(stuck, Stage.FETCH, 1, 2, 2, 1)
    assert not stuck.blocks(ONE, with_media=True)
    fail(stuck, Stage.FETCH, 3)
    assert stuck.blocks(ONE, with_media=False)
    assert not stuck.blocks(OTHER, with_media=True)
    stuck.succeeded(ONE, Stage.FETCH)
    assert not stuck.blocks(ONE, with_media=False)


def test_uploads_that_fail_keep_nobody_from_a_request_without_files() -> None:
    stuck = Stuck()
    fail(stuck, Stage.UPLOAD, 1, 2, 3)
    assert stuck.blocks(ONE, with_media=True)
    assert not stuck.blocks(ONE, with_media=False)
    stuck.forget(GenerationId("2"))
    assert not stuck.blocks(ONE, with_media=True)
