"""Two processes that do the same thing at the same moment: one outcome, and no change is lost."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.errors import Refused
from bot.domain.generation import Generation
from bot.domain.ids import ChannelId, UserId, WorkerId
from bot.domain.limits import LimitRule, Limits, Scope, amounts_of
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.request import VideoRequest
from bot.engine.context import Policy, Ports
from bot.engine.in_flight import Flights
from bot.services.admission import GenerationRequest
from bot.services.generate import Generate
from bot.services.limits import LimitService
from tests.contract.storage.samples import GUILD, JON, MIRA, OwnedClock, Seeder, conversation, raw
from tests.contract.storage.samples import generation as sample
from tests.fakes import ports, providers
from tests.fakes.telemetry import NoTelemetry

ROUNDS = 10
ADMIN = UserId(77)


def generate(storage: Storage, clock: OwnedClock, folder: Path, *, limits: Limits) -> Generate:
    """The service of one process."""
    own = ports.OwnedClock()
    around = Ports(
        storage=storage,
        clock=clock,
        providers=providers.FakeDirectory(providers.FakeProvider(providers.EVOLINK, own)),
        media=ports.FakeMedia(folder),
        messenger=ports.FakeMessenger(),
        telemetry=NoTelemetry(),
        policy=Policy(limits=limits),
    )
    flights = Flights(max_running=around.policy.max_running)
    return Generate(ports=around, flights=flights, owner=lambda: None, wake=lambda _: None)


def ask(key: str) -> GenerationRequest:
    return GenerationRequest(
        request_key=key,
        requester_id=MIRA,
        guild_id=GUILD,
        channel_id=ChannelId(5),
        thread_id=None,
        private=False,
        locale="en-US",
        request=VideoRequest(prompt="a cat"),
    )


@pytest.mark.parametrize("videos", [0, ROUNDS], ids=["unlimited", "to the last one"])
async def test_one_request_that_arrives_twice_at_once_is_one_generation(
    storage: Storage, other: Storage, clock: OwnedClock, tmp_path: Path, videos: int
) -> None:
    """Also at the end of a quota: the second arrival is the known request, not one too many."""
    limits = Limits(videos=videos, concurrent=0)
    first, second = (generate(each, clock, tmp_path, limits=limits) for each in (storage, other))
    for number in range(ROUNDS):
        request = ask(f"interaction:{number}")
        receipts = await asyncio.gather(first.request(request), second.request(request))
        assert len({receipt.generation.id for receipt in receipts}) == 1
        assert sorted(receipt.repeated for receipt in receipts) == [False, True]
        assert [receipt.quota.usage.videos for receipt in receipts] == [number + 1] * 2
    assert await storage.read(raw("SELECT COUNT(*) FROM generations")) == [(ROUNDS,)]
    assert await storage.read(raw("SELECT COUNT(*) FROM conversations")) == [(ROUNDS,)]
    assert await Seeder(storage=storage).faults() == []


async def test_a_request_that_another_process_saved_meanwhile_is_the_known_one(
    storage: Storage, other: Storage, clock: OwnedClock, tmp_path: Path, url: str
) -> None:
    """The lock is one member's; the unique key is what decides, whoever came first."""
    if url.startswith("sqlite"):
        pytest.skip("one writer: nobody comes in between")
    service = generate(storage, clock, tmp_path, limits=Limits(videos=0, concurrent=0))
    about = conversation()
    taken = sample(about, request_key="message:1", requester_id=JON)
    holding, go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.conversations.add(about)
        assert await tx.generations.add(taken)
        await tx.ledger.hold(taken, amounts_of(taken.plan), at=clock.now())
        holding.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(other.transact(hold))
        await holding.wait()
        asked = tasks.create_task(service.request(ask("message:1")))
        await blocked(other, asked)
        go_on.set()
    receipt = asked.result()
    assert (receipt.generation.id, receipt.repeated) == (taken.id, True)
    assert await storage.read(raw("SELECT COUNT(*) FROM generations")) == [(1,)]
    assert await Seeder(storage=storage).faults() == []


async def test_two_admins_at_once_lose_no_change(
    storage: Storage, other: Storage, clock: OwnedClock
) -> None:
    default = Limits(videos=5, concurrent=1)
    one, two = (
        LimitService(storage=each, clock=clock, default=default) for each in (storage, other)
    )
    for number in range(1, ROUNDS + 1):
        member = UserId(1000 + number)
        await asyncio.gather(
            *(
                service.change(GUILD, ADMIN, LimitRule(scope=scope, subject=subject, limits=limits))
                for scope, subject in ((Scope.SERVER, 0), (Scope.MEMBER, member))
                for service, limits in (
                    (one, Limits(videos=number)),
                    (two, Limits(concurrent=number)),
                )
            )
        )
        rules = {(rule.scope, rule.subject): rule.limits for rule in await one.show(GUILD)}
        both = Limits(videos=number, concurrent=number)
        assert rules[Scope.SERVER, 0] == rules[Scope.MEMBER, member] == both


async def blocked(storage: Storage, task: asyncio.Task[object]) -> None:
    """Wait until some connection waits for a lock of another."""
    question = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while await storage.read(raw(question)) == [(0,)]:
        assert not task.done()


async def test_a_worker_is_not_robbed_of_what_it_claims_with_its_first_heartbeat(
    storage: Storage, other: Storage, seeder: Seeder, clock: OwnedClock, url: str
) -> None:
    """One claim sees the world of before another one that is committed while it goes on.

    Reading the heartbeat of "gate" waits for a lock, so that a claim stops in the middle of its
    statement; meanwhile a new worker claims, and its first heartbeat is committed with its claim.
    """
    if url.startswith("sqlite"):
        pytest.skip("one writer: nobody comes in between")
    gate, new, late = WorkerId("gate"), WorkerId("new"), WorkerId("late")
    await storage.transact(lambda tx: tx.workers.beat(gate, now=clock.now()))
    first = await seeder.put(owner_id=gate)
    second = await seeder.put()
    for statement in (
        "ALTER TABLE workers RENAME TO the_workers",
        """CREATE FUNCTION seen(id TEXT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$ BEGIN
            IF current_setting('application_name') = 'slow' THEN
                PERFORM pg_advisory_xact_lock_shared(1);
            END IF;
            RETURN TRUE; END $$""",
        "CREATE VIEW workers AS SELECT * FROM the_workers WHERE seen(id)",
    ):
        await storage.transact(raw(statement))
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def lock(tx: Transaction) -> None:
        await raw("SELECT pg_advisory_xact_lock(1)")(tx)
        locked.set()
        await go_on.wait()

    async def claim(tx: Transaction, worker: WorkerId) -> list[Generation]:
        now = clock.now()
        return list(await tx.generations.claim(worker, now=now, dead_before=now, limit=9))

    async def claim_slowly(tx: Transaction) -> list[Generation]:
        # Its own heartbeat is given before, so that nothing of it waits but the choice.
        await tx.workers.beat(late, now=clock.now())
        await raw("SET LOCAL application_name = 'slow'")(tx)
        return await claim(tx, late)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(storage.transact(lock))
        await locked.wait()
        slow = tasks.create_task(other.transact(claim_slowly))
        await blocked(storage, slow)
        quick = await storage.transact(lambda tx: claim(tx, new))
        go_on.set()
    assert [each.id for each in quick] == [second.id]
    assert slow.result() == []
    for made, owner in ((first, gate), (second, new)):
        row = await seeder.get(made)
        assert row is not None
        assert row.owner_id == owner


async def test_a_refusal_at_once_holds_nothing(
    storage: Storage, other: Storage, clock: OwnedClock, tmp_path: Path
) -> None:
    """Two different requests, one place left: one is accepted, the other is refused."""
    limits = Limits(videos=1, concurrent=0)
    services = [generate(each, clock, tmp_path, limits=limits) for each in (storage, other)]
    outcomes = await asyncio.gather(
        *(each.request(ask(f"interaction:{n}")) for n, each in enumerate(services)),
        return_exceptions=True,
    )
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]
    assert await storage.read(raw("SELECT COUNT(*) FROM generations")) == [(1,)]
    assert await Seeder(storage=storage).faults() == []
