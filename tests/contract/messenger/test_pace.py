"""Status messages of many videos at once: their edits leave room for other calls."""

from dataclasses import replace

from bot.domain.generation import Generation, LiveStatus, State
from bot.ui.messenger.status_editor import PACE_SECONDS
from tests.contract.messenger.conftest import Desk


def edits(desk: Desk, many: list[Generation]) -> list[int]:
    return [
        len(desk.calls("PATCH", f"/messages/{asked.place.status_message_id}")) for asked in many
    ]


async def test_edits_of_many_messages_leave_room_for_other_calls(desk: Desk) -> None:
    many = [await desk.opened() for _ in range(3)]
    after = desk.standin.position
    async with desk.running():
        for asked in many:
            working = replace(asked, state=State.RUNNING, revision=2)
            await desk.messenger.update_status(working, LiveStatus(progress=10))
        await desk.clock.step(3)
        for number in (1, 2, 3):
            event = await desk.standin.wait("MESSAGE_UPDATE", after=after)
            after = event["n"]
            # The loop waits for news, and those whose turn has not come for their turn.
            await desk.clock.idle(1 + len(many) - number)
            assert sum(edits(desk, many)) == number
            await desk.clock.step(PACE_SECONDS)
    assert edits(desk, many) == [1, 1, 1]
