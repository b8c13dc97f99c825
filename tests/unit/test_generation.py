"""Which state may follow which: drawn from the description of the life, not from the code."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from bot.domain.generation import ENDS, FOLLOWS, Generation, State, may_follow
from tests.contract.storage.samples import conversation, generation

HAPPY = (
    State.QUEUED,
    State.SUBMITTING,
    State.RUNNING,
    State.READY,
    State.FETCHED,
    State.POSTING,
    State.DELIVERED,
)


def test_the_happy_path_is_open() -> None:
    for before, after in pairwise(HAPPY):
        assert may_follow(before, after)


def test_no_step_of_the_happy_path_can_be_left_out() -> None:
    for number, before in enumerate(HAPPY):
        for after in HAPPY[number + 2 :]:
            assert not may_follow(before, after), f"{before} → {after}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.SUBMITTING, State.QUEUED),  # a definite refusal: another provider may take it
        (State.SUBMITTING, State.SUBMIT_UNKNOWN),
        (State.SUBMIT_UNKNOWN, State.RUNNING),  # found
        (State.SUBMIT_UNKNOWN, State.QUEUED),  # proven absent
        (State.SUBMIT_UNKNOWN, State.FAILED),  # released after the time limit
        (State.QUEUED, State.CANCELLED),
        (State.RUNNING, State.FAILED),
        (State.RUNNING, State.EXPIRED),
        (State.FETCHED, State.UNDELIVERABLE),
        (State.POSTING, State.UNDELIVERABLE),
        (State.POSTING, State.FETCHED),  # refused there: the next place of the ladder
    ],
)
def test_the_ways_aside_are_open(before: State, after: State) -> None:
    assert may_follow(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.RUNNING, State.SUBMITTING),  # paid: never submitted again
        (State.RUNNING, State.QUEUED),
        (State.READY, State.SUBMITTING),
        (State.SUBMIT_UNKNOWN, State.SUBMITTING),  # never a blind POST
        (State.SUBMITTING, State.CANCELLED),  # the provider cannot cancel
        (State.POSTING, State.CANCELLED),  # it may be there already
        (State.POSTING, State.FAILED),
    ],
)
def test_what_would_cost_twice_or_lie_is_closed(before: State, after: State) -> None:
    assert not may_follow(before, after)


def test_an_end_is_an_end() -> None:
    assert {str(end) for end in ENDS} == {
        "delivered",
        "failed",
        "cancelled",
        "expired",
        "undeliverable",
    }
    for end in ENDS:
        for state in State:
            assert may_follow(end, state) == (end is state)


def test_facts_may_change_within_any_state() -> None:
    for state in State:
        assert may_follow(state, state)


def test_every_state_can_be_reached_and_every_open_one_can_end() -> None:
    def reachable(start: State) -> set[State]:
        seen, left = {start}, [start]
        while left:
            following = FOLLOWS.get(left.pop(), frozenset()) - seen
            seen |= following
            left += following
        return seen

    assert reachable(State.QUEUED) == set(State)
    for state in State:
        assert reachable(state) & ENDS
        assert (state in FOLLOWS) != (state in ENDS)


def test_it_is_a_value_that_knows_whether_it_ended() -> None:
    made: Generation = generation(conversation())
    assert made.state is State.QUEUED
    assert not made.ended
    for state in State:
        assert replace(made, state=state).ended == (state in ENDS)
    with pytest.raises(FrozenInstanceError):
        made.state = State.RUNNING  # pyright: ignore[reportAttributeAccessIssue]
    assert made.created_at.tzinfo is UTC
    assert isinstance(made.created_at, datetime)
