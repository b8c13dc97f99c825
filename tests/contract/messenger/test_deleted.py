"""Deleting a video's message: the same rules for the real messenger and for its fakes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.generation import Generation, LiveStatus, Posting, State, Target, TargetKind
from bot.domain.ids import message_nonce
from bot.domain.media import FitStep
from bot.domain.ports.messenger import Messenger
from tests.contract.messenger.conftest import MessengerHarness
from tests.fakes import services
from tests.fakes.ports import START, FakeMessenger, OwnedClock
from tests.reliability import fake_discord

DELETE = {"method": "DELETE", "route": "/channels/{channel.id}/messages/{message.id}"}


@dataclass
class Subject:
    """A messenger; ``refuse`` makes Discord refuse to delete messages from then on."""

    messenger: Messenger
    asked: Generation
    file: Path
    refuse: Callable[[], object]

    async def posted(self) -> Generation:
        place = await self.messenger.open_status(self.asked, LiveStatus(), again=False)
        asked = replace(self.asked, place=place, state=State.POSTING, file=services.video_file())
        target = Target(kind=TargetKind.CHANNEL, id=asked.place.channel_id)
        posting = Posting(
            target=target, nonce=message_nonce(asked.id, "video"), started_at=asked.created_at
        )
        posted = await self.messenger.post_video(
            asked, posting, self.file, step=FitStep.ORIGINAL, original_url=None
        )
        return replace(asked, state=State.DELIVERED, posting=posted)

    async def is_there(self, made: Generation) -> bool:
        assert made.posting is not None
        target, since = made.posting.target, made.created_at
        return await self.messenger.find_video(made, target, since=since) is not None


def real(harness: MessengerHarness) -> Subject:
    def refuse() -> None:
        harness.standin.faults.order(DELETE | {"status": 403})

    return Subject(harness.messenger, harness.generation(), harness.file(), refuse)


def scripted(harness: MessengerHarness) -> Subject:
    messenger = FakeMessenger()

    def refuse() -> None:
        messenger.deletable = False

    return Subject(messenger, services.generation(), harness.file(), refuse)


def simulated(harness: MessengerHarness) -> Subject:
    discord = fake_discord.Discord(clock=OwnedClock())

    def refuse() -> None:
        discord.away = lambda kind: kind == "delete"

    asked = services.generation(created_at=START)
    return Subject(fake_discord.Messenger(discord), asked, harness.file(), refuse)


@pytest.fixture(params=[real, scripted, simulated], ids=lambda make: make.__name__)
def subject(request: Any, harness: MessengerHarness) -> Subject:
    return request.param(harness)


async def test_a_deleted_video_is_gone(subject: Subject) -> None:
    made = await subject.posted()
    assert await subject.is_there(made)
    assert await subject.messenger.delete_video(made)
    assert not await subject.is_there(made)


async def test_deleting_again_is_no_error(subject: Subject) -> None:
    made = await subject.posted()
    assert await subject.messenger.delete_video(made)
    assert await subject.messenger.delete_video(made)


async def test_a_video_that_was_never_posted_has_no_message(subject: Subject) -> None:
    assert await subject.messenger.delete_video(subject.asked)


async def test_a_refusal_leaves_the_message_and_says_so(subject: Subject) -> None:
    made = await subject.posted()
    subject.refuse()
    assert not await subject.messenger.delete_video(made)
    assert await subject.is_there(made)
