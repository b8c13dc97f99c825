"""Every call to a provider is counted with its outcome, and passed on unchanged."""

import inspect
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.errors import Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.provider import PreparedTask, Provider
from bot.ops.metered import MeteredProvider
from bot.ops.metrics import Metrics
from tests.fakes.ports import OwnedClock
from tests.fakes.providers import EVOLINK, FakeProvider, refusal


async def test_calls_are_passed_on_and_counted(tmp_path: Path) -> None:
    clock, metrics = OwnedClock(), Metrics()
    inner = FakeProvider(EVOLINK, clock, batch_size=50, supports_callbacks=True)
    provider: Provider = MeteredProvider(inner, telemetry=metrics, clock=clock)
    assert (provider.name, provider.batch_size, provider.supports_callbacks) == (EVOLINK, 50, True)
    assert (provider.supports_idempotency_keys, provider.can_list_tasks) == (True, True)

    prepared = PreparedTask(model_id="m", body={})
    task_id = (await provider.submit(prepared, key="k")).task_id
    assert (await provider.query(task_id)).task_id == task_id
    assert list(await provider.query_many([task_id])) == [task_id]
    assert not await provider.proves_absent(prepared, since=datetime(2026, 1, 1, tzinfo=UTC))
    await provider.release(["file-1"])
    assert inner.released == ["file-1"]
    assert (await provider.download("u", tmp_path / "v", max_bytes=99)).size > 0
    assert (await provider.balance()).micro_usd == 1_000_000
    inner.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    with pytest.raises(ProviderError):
        await provider.submit(prepared, key="k2")
    with pytest.raises(ProviderError):
        await provider.query(TaskId("unknown"))

    text = metrics.render().decode()
    for call, outcome in [
        ("submit", "ok"),
        ("submit", "provider_balance"),
        ("query", "ok"),
        ("query", "provider_task_gone"),
        ("query_many", "ok"),
        ("proves_absent", "ok"),
        ("release", "ok"),
        ("download", "ok"),
        ("balance", "ok"),
    ]:
        assert f'call="{call}",outcome="{outcome}",provider="evolink"' in text


def test_nothing_of_the_port_is_missing() -> None:
    wanted = {name for name, _ in inspect.getmembers(Provider) if not name.startswith("_")}
    assert wanted <= set(dir(MeteredProvider))
