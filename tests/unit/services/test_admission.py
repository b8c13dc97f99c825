"""Admission: what decides about a request is read in the transaction that holds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import Code, ProviderError, Refused
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId
from bot.domain.limits import LimitRule, Limits, Scope
from bot.domain.ports.storage import Transaction
from bot.domain.request import Operation, VideoRequest
from bot.domain.rights import PlaceRights
from bot.engine.context import Policy
from bot.services.generate import Receipt
from tests.fakes.providers import APIMART, EVOLINK
from tests.fakes.services import video_file
from tests.unit.services.conftest import GUILD, TOM, Worker, World

EDIT = VideoRequest(operation=Operation.EDIT, prompt="bluer")
NOWHERE = PlaceRights(may=frozenset())


async def delivered(world: World, worker: Worker) -> Generation:
    receipt = await world.ask(worker)
    return await world.until_state(receipt.generation.id, State.DELIVERED)


async def delete(world: World, generation_id: GenerationId) -> None:
    async def work(tx: Transaction) -> None:
        row = await tx.generations.get(generation_id)
        assert row is not None
        deleted = replace(row, deleted_at=world.clock.now())
        await tx.generations.erase(await tx.generations.save(row, deleted))

    await world.storage.transact(work)


@pytest.mark.parametrize(
    ("how", "code"), [("parent_id", Code.NOT_FINISHED), ("repeat_of", Code.NOT_KEPT)]
)
async def test_what_is_deleted_just_before_the_transaction_is_not_used(
    world: World, how: str, code: Code
) -> None:
    worker = world.start()
    video = await delivered(world, worker)
    transact = world.storage.transact

    async def delete_first(work: Callable[[Transaction], Any]) -> Any:
        world.storage.transact = transact
        await delete(world, video.id)
        return await transact(work)

    before, about = await world.usage(), dict[str, Any]({how: video.id})
    world.storage.transact = delete_first
    with pytest.raises(Refused) as caught:
        await world.ask(worker, EDIT, **about)
    assert caught.value.code is code
    assert await world.usage() == before


@pytest.mark.parametrize("how", ["parent_id", "repeat_of"])
async def test_a_request_takes_one_transaction_and_no_read_before_it(
    world: World, how: str
) -> None:
    worker = world.start()
    video = await delivered(world, worker)
    reads, about = world.storage.reads, dict[str, Any]({how: video.id})
    receipt = await world.ask(worker, EDIT, **about)
    assert world.storage.reads == reads
    assert receipt.generation.version == (2 if how == "parent_id" else 1)
    await world.until_over()


async def test_a_request_with_a_video_is_an_edit_of_it(world: World) -> None:
    clip = video_file(duration_ms=4_200)
    receipt = await world.ask(world.start(), VideoRequest(prompt="bluer", video=clip))
    request = receipt.generation.request
    assert (request.operation, request.source_ms) == (Operation.EDIT, 4_200)
    await world.until_over()


async def exhaust(world: World, worker: Worker, parent: Generation) -> None:
    rule = LimitRule(scope=Scope.MEMBER, subject=TOM, limits=Limits(videos=1))
    await world.storage.transact(lambda tx: tx.guilds.set_rule(GUILD, rule))


async def pause(world: World, worker: Worker, parent: Generation) -> None:
    for provider in (EVOLINK, APIMART):
        error = ProviderError(Code.PROVIDER_AUTH)
        worker.flights.failed(provider, error, world.clock.monotonic())


async def fill(world: World, worker: Worker, parent: Generation) -> None:
    worker.generate.ports.room.full = True
    world.media.full_disk = True


async def stop(world: World, worker: Worker, parent: Generation) -> None:
    worker.generate.admission.stopping = True


async def remove(world: World, worker: Worker, parent: Generation) -> None:
    await delete(world, parent.id)


async def lock(world: World, worker: Worker, parent: Generation) -> None:
    """Only the place of the request changes, which comes with every arrival."""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (exhaust, Code.QUOTA_VIDEOS),
        (pause, Code.PROVIDER_AUTH),
        (fill, Code.NO_ROOM),
        (stop, Code.STOPPING),
        (remove, Code.NOT_FINISHED),
        (lock, Code.PLACE_RIGHTS),
    ],
)
async def test_a_known_request_gets_its_receipt_whatever_has_changed(
    world: World, change: Callable[[World, Worker, Generation], Any], code: Code
) -> None:
    """It was accepted: neither a retry nor a repeated event may be told otherwise."""
    world.policy = Policy(limits=Limits(videos=0, concurrent=0))
    worker = world.start()
    parent = await delivered(world, worker)
    rights = NOWHERE if change is lock else None

    async def ask(key: str, rights: PlaceRights | None) -> Receipt:
        return await world.ask(worker, EDIT, parent_id=parent.id, request_key=key, rights=rights)

    first = await ask("interaction:known", None)
    await world.until_over()
    await change(world, worker, parent)
    again = await ask("interaction:known", rights)
    assert again.repeated
    assert again.generation.id == first.generation.id
    before = await world.usage()
    with pytest.raises(Refused) as caught:
        await ask("interaction:new", rights)
    assert caught.value.code is code
    assert await world.usage() == before
