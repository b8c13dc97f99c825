"""Long collections set aside what they found alive; nothing is lost to that for good."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from bot.ops.gc_tuner import GcTuner
from tests.fakes.ports import OwnedClock


class Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def nothing_set_aside() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def collect(clock: OwnedClock, *, seconds: float, generation: int = 2) -> None:
    """A collection that takes so long by the clock."""

    def take_long(phase: str, info: dict[str, Any]) -> None:
        clock.seconds += seconds if phase == "stop" else 0.0

    gc.callbacks.insert(0, take_long)
    try:
        gc.collect(generation)
    finally:
        gc.callbacks.remove(take_long)


def test_a_long_full_collection_sets_aside_what_lives() -> None:
    clock = OwnedClock()
    with GcTuner(clock=clock, longest_pause=0.03):
        dead = weakref.ref(Node())
        collect(clock, seconds=0.1)
        assert gc.get_freeze_count() > 1000
        assert dead() is None


@pytest.mark.parametrize(("seconds", "generation"), [(0.02, 2), (0.1, 1), (0.1, 0)])
def test_short_and_partial_ones_do_not(seconds: float, generation: int) -> None:
    clock = OwnedClock()
    with GcTuner(clock=clock, longest_pause=0.03):
        collect(clock, seconds=seconds, generation=generation)
        assert gc.get_freeze_count() == 0


def test_a_frozen_cycle_is_freed_after_unfreeze() -> None:
    clock = OwnedClock()
    with GcTuner(clock=clock) as heap:
        node = Node()
        seen = weakref.ref(node)
        collect(clock, seconds=0.1)
        del node
        gc.collect()
        assert seen() is not None
        heap.unfreeze()
        gc.collect()
        assert seen() is None


def test_afterwards_nothing_is_watched_or_set_aside() -> None:
    clock, before = OwnedClock(), list(gc.callbacks)
    with GcTuner(clock=clock):
        collect(clock, seconds=0.1)
    assert gc.callbacks == before
    assert gc.get_freeze_count() == 0
