"""Refused requests until the member retries: whose they are, how many, how long, and which."""

import pytest

from bot.domain.errors import Code, MediaError, Refused, RetakeError, StorageUnavailable
from bot.ui.inbound.memory import Memory
from bot.ui.inbound.requests import passes

TOM, ANA, REQUEST = 1, 2, 9


class Clock:
    """A clock that only the test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def memory_of(most: int, clock: Clock) -> Memory[str]:
    return Memory(forgotten=Code.REQUEST_FORGOTTEN, most=most, kept_seconds=900, clock=clock)


def recalled(memory: Memory[str], user_id: int, key: int | None) -> str | None:
    """What is remembered (None: nothing)."""
    try:
        return memory.recall(user_id, key)
    except Refused as refused:
        return None if refused.code is Code.REQUEST_FORGOTTEN else refused.code


def test_a_request_is_for_the_one_who_made_it_as_often_as_they_press() -> None:
    memory = memory_of(2, Clock())
    memory.remember(TOM, REQUEST, "a fox")
    assert recalled(memory, TOM, REQUEST) == "a fox"
    assert recalled(memory, TOM, REQUEST) == "a fox"
    assert recalled(memory, ANA, REQUEST) is None
    assert recalled(memory, TOM, REQUEST + 1) is None
    assert recalled(memory, TOM, None) is None


def test_a_request_is_kept_for_fifteen_minutes_however_often_it_is_refused() -> None:
    clock = Clock()
    memory = memory_of(2, clock)
    memory.remember(TOM, REQUEST, "a fox")
    clock.seconds += 900
    assert recalled(memory, TOM, REQUEST) == "a fox"
    memory.remember(TOM, REQUEST, "a fox")
    clock.seconds += 1
    assert recalled(memory, TOM, REQUEST) is None


def test_the_oldest_requests_make_room_for_new_ones() -> None:
    memory = memory_of(2, Clock())
    for key in (0, 1):
        memory.remember(TOM, key, f"{key}")
    memory.remember(TOM, 0, "0")
    memory.remember(ANA, REQUEST, "a cat")
    assert recalled(memory, TOM, 1) is None
    assert recalled(memory, TOM, 0) == "0"
    assert recalled(memory, ANA, REQUEST) == "a cat"


@pytest.mark.parametrize(
    ("error", "offered"),
    [
        (Refused(Code.PROVIDER_TROUBLE), True),
        (Refused(Code.PROVIDER_BALANCE), True),
        (Refused(Code.PROVIDER_AUTH), True),
        (Refused(Code.NO_ROOM), True),
        (Refused(Code.QUOTA_COOLDOWN), True),
        (Refused(Code.QUOTA_CONCURRENT), True),
        (StorageUnavailable("no answer"), True),
        (Refused(Code.QUOTA_VIDEOS), False),
        (Refused(Code.MEDIA_BROKEN), False),
        (Refused(Code.PROMPT_TOO_LONG), False),
        (Refused(Code.STOPPING), False),
        (MediaError(Code.INTERNAL), False),
    ],
)
def test_only_what_passes_by_itself_is_offered_again(error: RetakeError, offered: bool) -> None:
    assert passes(error) is offered
