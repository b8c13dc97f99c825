"""Status messages of many videos at once: their edits leave room for other calls."""

from dataclasses import replace

from bot.domain.generation import Generation, LiveStatus, State
from bot.ui.messenger.status_editor import PACE_SECONDS
from tests.contract.messenger.conftest import MessengerHarness


def edits(harness: MessengerHarness, many: list[Generation]) -> list[int]:
    return [
        len(harness.calls("PATCH", f"/messages/{asked.place.status_message_id}")) for asked in many
    ]


async def test_edits_of_many_messages_leave_room_for_other_calls(harness: MessengerHarness) -> None:
    many = [await harness.opened() for _ in range(3)]
    after = harness.standin.position
    async with harness.running():
        for asked in many:
            working = replace(asked, state=State.RUNNING, revision=2)
            await harness.messenger.update_status(working, LiveStatus(progress=10))
        await harness.clock.step(3)
        for number in (1, 2, 3):
            event = await harness.standin.wait("MESSAGE_UPDATE", after=after)
            after = event["n"]
            # The loop waits for news, and those whose turn has not come for their turn.
            await harness.clock.idle(1 + len(many) - number)
            assert sum(edits(harness, many)) == number
            await harness.clock.step(PACE_SECONDS)
    assert edits(harness, many) == [1, 1, 1]
