"""What the engine relies on in a provider: the same rules for both adapters and for the fake."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.errors import Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.provider import Provider, Submission, TaskState
from tests.contract.providers.adapter_harness import APIMART, EVOLINK, AdapterHarness, open_harness
from tests.fakes.ports import OwnedClock
from tests.fakes.providers import FakeProvider

LIMIT = 10**8
GONE_ID = TaskId("task-unified-1757169743-00000000")


@dataclass
class Subject:
    """A provider, a harness that describes requests for it, and how its time passes."""

    provider: Provider
    harness: AdapterHarness
    advance: Callable[[float], object]

    async def submitted(self, key: str = "retake-generation-1") -> Submission:
        prepared = await self.provider.prepare(self.harness.spec())
        return await self.provider.submit(prepared, key=key)

    async def link(self) -> str:
        submission = await self.submitted()
        self.advance(60)
        report = await self.provider.query(submission.task_id)
        return report.urls[0]


@pytest.fixture(params=["evolink", "apimart", "fake"])
async def subject(
    request: pytest.FixtureRequest, tmp_path: Path, rendered: Path
) -> AsyncIterator[Subject]:
    name = APIMART if request.param == "apimart" else EVOLINK
    async with open_harness(name, tmp_path, rendered) as harness:
        if request.param == "fake":
            clock = OwnedClock()

            def advance(seconds: float) -> None:
                clock.seconds += seconds

            yield Subject(FakeProvider(name=name, clock=clock), harness, advance)
        else:
            yield Subject(harness.provider, harness, harness.bench.clock.advance)


async def test_a_task_is_active_and_then_completed_with_a_link(subject: Subject) -> None:
    submission = await subject.submitted()
    subject.advance(1)
    before = await subject.provider.query(submission.task_id)
    assert before.state is TaskState.ACTIVE
    assert not before.urls
    subject.advance(60)
    after = await subject.provider.query(submission.task_id)
    assert (after.state, after.progress, len(after.urls)) == (TaskState.COMPLETED, 100, 1)


async def test_a_key_makes_one_task_if_keys_are_supported(subject: Subject) -> None:
    first, second = (
        await subject.submitted("retake-generation-1"),
        await subject.submitted("retake-generation-1"),
    )
    same = first.task_id == second.task_id
    assert same is subject.provider.supports_idempotency_keys
    assert (await subject.submitted("retake-generation-2")).task_id not in {
        first.task_id,
        second.task_id,
    }


async def test_an_unknown_task_is_gone(subject: Subject) -> None:
    with pytest.raises(ProviderError) as caught:
        await subject.provider.query(GONE_ID)
    assert caught.value.code is Code.PROVIDER_TASK_GONE


async def test_more_tasks_than_fit_one_query_are_an_error(subject: Subject) -> None:
    too_many = [GONE_ID] * (subject.provider.batch_size + 1)
    with pytest.raises(ValueError, match="in one query"):
        await subject.provider.query_many(too_many)


async def test_a_download_has_the_size_and_hash_of_its_file(
    subject: Subject, tmp_path: Path
) -> None:
    target = tmp_path / "a.part"
    got = await subject.provider.download(await subject.link(), target, max_bytes=LIMIT)
    data = target.read_bytes()
    assert (got.size, got.sha256) == (len(data), hashlib.sha256(data).hexdigest())


async def test_a_result_over_the_limit_leaves_no_file(subject: Subject, tmp_path: Path) -> None:
    target = tmp_path / "a.part"
    with pytest.raises(ProviderError) as caught:
        await subject.provider.download(await subject.link(), target, max_bytes=3)
    assert caught.value.code is Code.RESULT_TOO_LARGE
    assert not target.exists()


async def test_uploads_can_be_released_twice(subject: Subject) -> None:
    spec = subject.harness.spec()
    prepared = await subject.provider.prepare(spec)
    await subject.provider.release(prepared.uploads)
    await subject.provider.release(prepared.uploads)


async def test_the_balance_is_in_micro_dollars(subject: Subject) -> None:
    balance = await subject.provider.balance()
    assert balance.micro_usd is not None
    assert balance.micro_usd > 10_000
