"""Refused requests until the member retries: whose they are, how many, how long, and which."""

from typing import cast

import discord
import pytest

from bot.domain.errors import Code, MediaError, Refused, RetakeError, StorageUnavailable
from bot.domain.ids import ChannelId, GuildId, UserId
from bot.domain.request import VideoRequest
from bot.services.admission import GenerationRequest
from bot.ui.inbound.drafts import RequestDraft
from bot.ui.inbound.mentions import Author
from bot.ui.inbound.retries import KEPT_SECONDS, MOST, RetryMemory, passes

TOM, ANA, REQUEST = UserId(1), UserId(2), 9


def draft(by: UserId, draft_id: int = REQUEST) -> RequestDraft:
    asked = GenerationRequest(
        request_key=f"interaction:{draft_id}",
        requester_id=by,
        guild_id=GuildId(3),
        channel_id=ChannelId(4),
        thread_id=None,
        private=False,
        locale="en-US",
        request=VideoRequest(prompt="a fox"),
    )
    author = Author(user=cast(discord.User, discord.Object(by)), guild=None)
    return RequestDraft(id=draft_id, asked=asked, author=author)


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
    made = draft(TOM)
    memory.remember(made)
    assert memory.recall(TOM, REQUEST) is made
    assert memory.recall(TOM, REQUEST) is made
    assert forgotten(memory, ANA, REQUEST)
    assert forgotten(memory, TOM, REQUEST + 1)
    assert forgotten(memory, TOM, None)


def test_a_request_is_kept_for_fifteen_minutes() -> None:
    clock = Clock()
    memory = RetryMemory(clock=clock)
    memory.remember(draft(TOM))
    clock.seconds += KEPT_SECONDS
    assert memory.recall(TOM, REQUEST) == draft(TOM)
    # Refused again it is remembered again, but for no longer: its links to files expire.
    memory.remember(draft(TOM))
    clock.seconds += 1
    assert forgotten(memory, TOM, REQUEST)


def test_the_oldest_requests_make_room_for_new_ones() -> None:
    memory = RetryMemory(clock=Clock())
    for request_id in range(MOST):
        memory.remember(draft(TOM, request_id))
    memory.remember(draft(TOM, 0))
    memory.remember(draft(ANA))
    assert forgotten(memory, TOM, 1)
    assert not any(forgotten(memory, TOM, request_id) for request_id in (0, 2))
    assert not forgotten(memory, ANA, REQUEST)


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
