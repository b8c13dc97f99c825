"""The planted faults still fit the code. ``bench.planted`` shows that each is caught."""

import pytest

from bench.fault import Change, Fault, faults, read
from bench.planted import ROOT


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_a_fault_can_be_planted(fault: Fault) -> None:
    assert (ROOT / fault.tests[0]).exists()
    for change in fault.changes:
        text = (ROOT / change.path).read_text(encoding="utf-8")
        assert text.count(change.old) == 1, f"{change.path} has changed: move the fault along"


def test_a_fault_reads_as_written() -> None:
    head = '# a topic\n\n= pays twice\n$ tests/a.py -k "b or c"\n'
    assert list(read(head + "@ bot/a.py\n-x\n-  y\n+z\n@ bot/b.py\n-w\n")) == [
        Fault(
            name="pays twice",
            tests=["tests/a.py", "-k", "b or c"],
            changes=[
                Change(path="bot/a.py", old="x\n  y", new="z"),
                Change(path="bot/b.py", old="w", new=""),
            ],
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "$ tests/a.py\n@ bot/a.py\n-x\n",
        "= no tests\n@ bot/a.py\n-x\n",
        "= no changes\n$ tests/a.py\n",
        "= no words\n$ tests/a.py\n@ bot/a.py\n",
        "= nothing to replace\n$ tests/a.py\n@ bot/a.py\n+x\n",
        "= out of order\n$ tests/a.py\n@ bot/a.py\n+y\n-x\n",
        "= not of the format\n$ tests/a.py\n@ bot/a.py\n-x\nand so on\n",
    ],
)
def test_a_badly_written_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        list(read(text))
