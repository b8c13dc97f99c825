"""The planted faults still fit the code. That each is caught is shown by ``bench.planted``."""

import pytest

from bench.faults import FAULTS, Fault
from bench.planted import ROOT
from bench.request_faults import REQUEST_FAULTS


@pytest.mark.parametrize("fault", [*FAULTS, *REQUEST_FAULTS], ids=lambda fault: fault.name)
def test_a_fault_can_be_planted(fault: Fault) -> None:
    for change in fault.changes:
        text = (ROOT / change.path).read_text(encoding="utf-8")
        assert text.count(change.old) == 1, f"{change.path} has changed: move the fault along"
