"""The real bot killed twenty times while people ask: nothing lost, nothing paid or posted twice."""

from pathlib import Path

import pytest

from bench.chaos import QUICK, rage
from tests.reliability.figures import Figures


@pytest.mark.no_cover
@pytest.mark.timeout(900)
async def test_twenty_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever is killed has no time to write down which lines it ran.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    seen = await rage(tmp_path, QUICK)
    Figures("kills").write(
        kills=seen.kills,
        generations=seen.found.generations,
        wrongs=len(seen.wrongs),
        first_step_max_s=round(max(seen.first_steps, default=0.0), 2),
    )
    assert seen.wrongs == []
    assert seen.kills == QUICK.kills
    assert seen.found.generations >= QUICK.generations / 2
    assert seen.found.ends["delivered"] >= QUICK.generations / 4
    assert seen.first_steps
