"""Refused requests until the member retries: whose they are, how many, how long, and which."""

import pytest

from bot.domain.errors import Code, MediaError, Refused, RetakeError, StorageUnavailable
from bot.services.generate import Receipt
from bot.ui.inbound.retries import KEPT_SECONDS, MOST, RetryMemory, passes

TOM, ANA, REQUEST = 1, 2, 9


async def attempt() -> Receipt:
    """A request that nobody makes here."""
    raise AssertionError


class Clock:
    """A clock that only the test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def forgotten(memory: RetryMemory, user_id: int, request_id: int | None) -> bool:
    try:
        memory.recall(user_id, request_id)
    except Refused as refused:
        return refused.code is Code.REQUEST_FORGOTTEN
    return False


def test_a_request_is_for_the_one_who_made_it_as_often_as_they_press() -> None:
    memory = RetryMemory(clock=Clock())
    memory.remember(TOM, REQUEST, attempt)
    assert memory.recall(TOM, REQUEST) is attempt
    assert memory.recall(TOM, REQUEST) is attempt
    assert forgotten(memory, ANA, REQUEST)
    assert forgotten(memory, TOM, REQUEST + 1)
    assert forgotten(memory, TOM, None)


def test_a_request_is_kept_for_fifteen_minutes() -> None:
    clock = Clock()
    memory = RetryMemory(clock=clock)
    memory.remember(TOM, REQUEST, attempt)
    clock.seconds += KEPT_SECONDS
    assert memory.recall(TOM, REQUEST) is attempt
    clock.seconds += 1
    assert forgotten(memory, TOM, REQUEST)


def test_the_oldest_requests_make_room_for_new_ones() -> None:
    memory = RetryMemory(clock=Clock())
    for request_id in range(MOST):
        memory.remember(TOM, request_id, attempt)
    memory.remember(TOM, 0, attempt)
    memory.remember(ANA, REQUEST, attempt)
    assert forgotten(memory, TOM, 1)
    assert memory.recall(TOM, 0) is attempt
    assert memory.recall(TOM, 2) is attempt
    assert memory.recall(ANA, REQUEST) is attempt


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
