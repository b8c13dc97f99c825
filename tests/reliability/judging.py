"""What must be true of a generation when all is over, as people and providers see it."""

from collections.abc import Iterable, Sequence

from bot.domain.generation import Generation, State
from bot.engine.steps.uploads import are_over
from tests.reliability.fake_discord import Discord
from tests.reliability.providers import Provider


def unheard(discord: Discord, row: Generation, rows: Sequence[Generation]) -> list[str]:
    """Whether nobody was told how it ended, or is told something else."""
    statuses, ends = discord.of(row.id, "status"), discord.of(row.id, "end")
    # What came late goes on in the status message of the one that it came too late for.
    following = {r.place.status_message_id: r.state for r in rows if r.late and r != row}
    true = [(m, following.get(m.id, row.state)) for m in statuses]
    shown = [message for message, so in true if message.shows is so]
    if statuses and not shown and not discord.gone(statuses[0].channel_id, "edit"):
        return [f"the status of {row.id} says {statuses[0].shows}, it is {row.state}"]
    reported = [*shown, *ends, *discord.of(row.id, "video")]
    heard = sum(discord.seen_by(row.requester_id, m.channel_id) for m in reported)
    return [] if heard else [f"nobody heard that {row.id} is {row.state}"]


def left_there(providers: Iterable[Provider], row: Generation) -> list[str]:
    """What a provider still holds of the files that were uploaded for an ended task."""
    if row.task is None or not are_over(row):
        return []
    provider = next(provider for provider in providers if provider.name == row.task.provider)
    left = set(row.task.uploads) - set(provider.released)
    return [f"left at {provider.name}: {name} of {row.id}" for name in sorted(left)]


def spent(row: Generation) -> bool:
    """Whether it counts for good: delivered in time, or dropped when the provider had made it."""
    if row.late:
        return False
    dropped = row.state is State.CANCELLED and row.result is not None
    return row.state is State.DELIVERED or dropped
