"""Edits: their conversation, the source they are made from, and which parents are refused."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import State
from bot.domain.request import Operation, VideoRequest
from tests.fakes.providers import refusal
from tests.unit.services.conftest import World


async def test_an_edit_belongs_to_the_conversation_of_its_parent(world: World) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    await world.until_over()
    request = VideoRequest(operation=Operation.EDIT, prompt="at night")
    edit = (await world.ask(worker, request, parent_id=first.id)).generation
    await world.until_over()
    row = await world.row(edit.id)
    assert (row.version, row.parent_version) == (2, 1)
    assert row.conversation_id == first.conversation_id
    assert row.state is State.DELIVERED
    spec = world.evolink.specs[-1]
    assert spec.source is not None
    assert spec.source.task_id == "evolink-1"
    assert spec.plan.seconds == 5


@pytest.mark.parametrize("times", [1, 2])
async def test_an_edit_whose_parents_task_is_gone_is_made_from_the_file_once(
    world: World, times: int
) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    await world.until_over()
    gone = ("before", refusal(Code.PROVIDER_TASK_GONE))
    world.evolink.submit_faults.extend([gone] * times)
    request = VideoRequest(prompt="at night", operation=Operation.EDIT, source_ms=5_000)
    edit = (await world.ask(worker, request, parent_id=first.id)).generation
    await world.until_over()
    row = await world.row(edit.id)
    sources = [spec.source for spec in world.evolink.specs[1:]]
    assert [source.task_id for source in sources if source] == ["evolink-1", None]
    assert sources[1] is not None
    assert sources[1].media is not None
    assert world.evolink.posts == 3
    assert row.state is (State.DELIVERED if times == 1 else State.FAILED)
    assert (await world.usage()).videos == (2 if times == 1 else 1)


@pytest.mark.parametrize("fresh", [True, False])
async def test_discords_link_is_given_where_no_providers_own_names_the_video(
    world: World, *, fresh: bool
) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    await world.until_over()
    world.messenger.links[first.id] = "https://cdn.example/fox-v1.mp4"
    if not fresh:
        world.clock.seconds += 25 * 3600
    world.evolink.submit_faults.append(("before", refusal(Code.PROVIDER_TASK_GONE)))
    request = VideoRequest(prompt="at night", operation=Operation.EDIT, source_ms=5_000)
    await world.ask(worker, request, parent_id=first.id)
    await world.until_over()
    by_task, by_file = (spec.source for spec in world.evolink.specs[1:])
    assert by_task is not None
    assert by_file is not None
    assert (by_task.task_id, by_task.discord_url) == ("evolink-1", None)
    assert by_file.task_id is None
    link = None if fresh else "https://cdn.example/fox-v1.mp4"
    assert (by_file.discord_url, by_file.result_url is None) == (link, not fresh)


async def test_an_unfinished_or_foreign_parent_is_refused(world: World) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    request = VideoRequest(operation=Operation.EDIT, prompt="at night")
    with pytest.raises(Refused) as refused:
        await world.ask(worker, request, parent_id=first.id)
    assert refused.value.code is Code.NOT_FINISHED
    with pytest.raises(Refused) as refused:
        await world.ask(worker, request, parent_id=first.id, guild_id=999)
    assert refused.value.code is Code.NOT_FOUND
