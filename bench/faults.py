"""The faults that ``bench.planted`` plants: what a tired person could write, and who must notice.

Owns the table. Whoever changes the words it names moves the fault along.
"""

from bench.fault import (
    CRASHES,
    PARALLEL,
    PRIVATE,
    REFUSED,
    STEPS,
    Change,
    Fault,
    blows,
    crashes,
)
from bench.faults_of_callbacks import CALLBACKS
from bench.faults_of_files import FILES
from bench.faults_of_storage import STORAGE
from bench.faults_of_waiting import WAITING

FAULTS = (
    Fault(
        name="a foreign task in the account's list is overlooked",
        changes=[
            Change(
                path="bot/providers/evolink.py",
                old="found is not None and all(task_id in known for task_id in found)",
                new="found is not None and len(set(found) - set(known)) < 2",
            ),
        ],
        tests=["tests/contract/providers/test_evolink.py", "-k", "foreign or unknown_task"],
    ),
    Fault(
        name="a task that a callback names is taken without a look at whose it is",
        changes=[
            Change(
                path="bot/engine/identity.py",
                old="    return other is None or other.id == generation.id\n",
                new="    return True\n",
            ),
        ],
        tests=["tests/unit/services/test_identity.py"],
    ),
    Fault(
        name="a refused replay passes for proof about the first POST",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="""\
            wait = repetition.asked_to_wait(error)
""",
                new="""\
            if error.accepted is Accepted.NO:
                return await self._refused(live, provider.name, error)
            wait = repetition.asked_to_wait(error)
""",
            ),
        ],
        tests=["tests/unit/services/test_life.py", "-k", "refused_replay"],
    ),
    Fault(
        name="pays before the intent is committed",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="""\
        try:
            live.generation = await self.transitions.move(
                generation,
                lambda g: replace(
                    g,
                    state=State.SUBMITTING,""",
                new="""\
        paid = await provider.submit(prepared, key=task.idempotency_key)
        try:
            live.generation = await self.transitions.move(
                generation,
                lambda g: replace(
                    g,
                    state=State.SUBMITTING,""",
            ),
            Change(
                path=STEPS + "submission.py",
                old="""\
        return await self._post(live, provider, prepared)
""",
                new="""\
        return await self._accepted(live, paid)
""",
            ),
        ],
        tests=crashes("absent", "text"),
    ),
    Fault(
        name="a claimed submission is simply made again",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="""\
            live.generation, lambda g: replace(g, state=State.SUBMIT_UNKNOWN)
        )
        return NOW""",
                new="""\
            live.generation, lambda g: replace(g, state=State.QUEUED, task=None)
        )
        return NOW""",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="asks again with a new key",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="submit(prepared, key=before.idempotency_key)",
                new='submit(prepared, key=before.idempotency_key + "-2")',
            ),
        ],
        tests=crashes("text", "unconfirmed"),
    ),
    Fault(
        name="an unknown outcome passes for a refusal",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="""\
            if error.accepted is Accepted.NO:
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown",""",
                new="""\
            if error.accepted is not Accepted.YES:
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown",""",
            ),
        ],
        tests=[CRASHES, "-k", "unconfirmed and without_a_crash"],
    ),
    Fault(
        name="the hold is outside the request's transaction",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
            await tx.ledger.hold(generation, seconds=generation.plan.seconds, at=now)
""",
                new="",
            ),
            Change(
                path="bot/services/generate.py",
                old="""\
        if not receipt.repeated:
            self.ports.telemetry.moved""",
                new="""\
        if not receipt.repeated:
            await self.ports.storage.transact(
                lambda tx: tx.ledger.hold(
                    receipt.generation, seconds=receipt.generation.plan.seconds, at=now
                )
            )
            self.ports.telemetry.moved""",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="the limit is checked in a transaction of its own",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
            quota = await quota_of(tx, limits, asked.guild_id, asked.requester_id, now)
""",
                new="            quota = before\n",
            ),
            Change(
                path="bot/services/generate.py",
                old="""\
        async def work(tx: Transaction) -> Receipt:
            # Locked first: another process may be handling the same request right now, and its row
""",
                new="""\
        before = await self.ports.storage.read(
            lambda tx: quota_of(
                tx, self.ports.policy.limits, asked.guild_id, asked.requester_id, now
            )
        )

        async def work(tx: Transaction) -> Receipt:
            # Locked first: another process may be handling the same request right now, and its row
""",
            ),
        ],
        tests=[PARALLEL],
    ),
    Fault(
        name="gives back twice, and nothing forbids it",
        changes=[
            Change(
                path="bot/engine/transitions.py",
                old="""\
                await tx.ledger.release(saved.id, at=now)
""",
                new="""\
                await tx.ledger.release(saved.id, at=now)
                await tx.ledger.release(saved.id, at=now)
""",
            ),
            Change(
                path="bot/storage/ledger.py",
                old="""\
        if entered.first() is None:
""",
                new="""\
        if entered.first() is None and False:
""",
            ),
        ],
        tests=crashes("expiry"),
    ),
    Fault(
        name="settles before the video is posted",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
            generation, lambda g: replace(g, state=State.POSTING, posting=posting)
""",
                new="""\
            generation,
            lambda g: replace(g, state=State.POSTING, posting=posting),
            also=lambda tx, saved: tx.ledger.settle(
                saved.id, seconds=5, at=self.ports.clock.now()
            ),
""",
            ),
            Change(
                path=STEPS + "posting.py",
                old="""\
            also=settle,
""",
                new="",
            ),
        ],
        tests=crashes("nowhere"),
    ),
    Fault(
        name="a delivered video is not counted",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
            also=settle,
""",
                new="",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="nonces by chance",
        changes=[
            Change(
                path="bot/domain/ids.py",
                old='f"{generation_id}:{purpose}".encode()',
                new="secrets.token_bytes(8)",
            ),
        ],
        tests=crashes("answers", "text"),
    ),
    Fault(
        name="posts again without looking",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="settled = await self._look(live, may_repeat=True)",
                new="settled = None",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="goes one rung down without looking",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="settled = await self._look(live, may_repeat=False)",
                new="settled = None",
            ),
        ],
        tests=["tests/unit/services/test_posts.py"],
    ),
    Fault(
        name="opens a second status message",
        changes=[
            Change(
                path=STEPS + "opening.py",
                old="generation, again = live.generation, live.unconfirmed",
                new="generation, again = live.generation, False",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="tells an end twice",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="again = live.unconfirmed or live.misses > 0",
                new="again = False",
            ),
        ],
        tests=crashes("moderation"),
    ),
    Fault(
        name="an end counts as told before it was",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
        await self.lease.check(generation)
        try:
            if generation.state is State.DELIVERED:""",
                new="""\
        generation = live.generation = await self.transitions.record(
            generation, lambda g: replace(g, announced=True)
        )
        try:
            if generation.state is State.DELIVERED:""",
            ),
        ],
        tests=crashes("moderation"),
    ),
    Fault(
        name="drops what it learned when the database is away",
        changes=[
            Change(
                path="bot/engine/transitions.py",
                old="""\
                await self.ports.clock.sleep(wait)
""",
                new="""\
                return generation
""",
            ),
        ],
        tests=blows("says_nothing and text"),
    ),
    Fault(
        name="forgets a request whose commit went unanswered",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
                self.flights.unclear[generation_id] = asked.guild_id, asked.requester_id
""",
                new="                pass\n",
            ),
        ],
        tests=blows("says_nothing and failover"),
    ),
    Fault(
        name="cancels what is being submitted",
        changes=[
            Change(
                path="bot/services/cancel.py",
                old="""\
            if found.state is not State.QUEUED:
""",
                new="""\
            if found.state not in {State.QUEUED, State.SUBMITTING}:
""",
            ),
            Change(
                path="bot/domain/generation.py",
                old="    State.SUBMITTING: frozenset({",
                new="    State.SUBMITTING: frozenset({State.CANCELLED, ",
            ),
        ],
        tests=[PARALLEL],
    ),
    Fault(
        name="a new owner takes an earlier poll's word",
        changes=[
            Change(
                path="bot/storage/generations.py",
                old="""\
    generations.c.revision == bindparam("known_revision"),
""",
                new="""\
    generations.c.revision <= bindparam("known_revision") + 1,
""",
            ),
        ],
        tests=["tests/contract/storage/test_generations.py"],
    ),
    Fault(
        name="a late result is charged once more",
        changes=[
            Change(
                path="bot/engine/late_results.py",
                old="await tx.ledger.hold(late, seconds=0, videos=0, at=now)",
                new="await tx.ledger.hold(late, seconds=late.plan.seconds, videos=1, at=now)",
            ),
        ],
        tests=crashes("late"),
    ),
    Fault(
        name="a late result leaves its task to the old generation too",
        changes=[
            Change(
                path="bot/engine/late_results.py",
                old="replace(ended, task=None, updated_at=now)",
                new="replace(ended, updated_at=now)",
            ),
        ],
        tests=crashes("late"),
    ),
    Fault(
        name="goes by the wall clock alone",
        changes=[
            Change(
                path="bot/engine/in_flight.py",
                old="return now - self._marks[moment]",
                new="return (clock.now() - moment).total_seconds()",
            ),
        ],
        tests=["tests/unit/services/test_clock_jumps.py"],
    ),
    Fault(
        name="a post without its file passes for a post",
        changes=[
            Change(
                path="bot/ui/messenger/uploads.py",
                old="if not any(attachment.size for attachment in message.attachments):",
                new="if False:",
            ),
        ],
        tests=[REFUSED, "-k", "lost_its_file"],
    ),
    Fault(
        name="a lost file is asked for again under the nonce of its empty message",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old='again = f":{turn}" if turn else ""',
                new='again = ""',
            ),
        ],
        tests=["tests/unit/services/test_posts.py", "-k", "another_nonce"],
    ),
    Fault(
        name="what is private comes out in the public thread it was asked for in",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="replace(asked, private=True, thread_id=None)",
                new="replace(asked, private=True)",
            ),
        ],
        tests=[PRIVATE],
    ),
    Fault(
        name="a private video falls to its channel",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="if not place.private:",
                new="if True:",
            ),
        ],
        tests=["tests/unit/services/test_life.py", "-k", "private"],
    ),
    Fault(
        name="posts into a thread that a moderator has locked",
        changes=[
            Change(
                path="bot/ui/messenger/messenger.py",
                old="if posting.target.kind is TargetKind.THREAD:",
                new="if False:",
            ),
        ],
        tests=[REFUSED, "-k", "moderators_lock"],
    ),
    Fault(
        name="pays although nothing can be posted there",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="if asked.rights is not None:",
                new="if False:",
            ),
        ],
        tests=["tests/unit/services/test_rights.py", "-k", "nothing_is_held or locked"],
    ),
    Fault(
        name="an empty list proves that nothing was posted",
        changes=[
            Change(
                path="bot/ui/messenger/search.py",
                old="if video and not read and not direct:",
                new="if False:",
            ),
        ],
        tests=["tests/contract/messenger/test_videos.py", "-k", "nothing_is_proven"],
    ),
    *CALLBACKS,
    *FILES,
    *STORAGE,
    *WAITING,
    Fault(
        name="a result is given up after three tries",
        changes=[
            Change(
                path=STEPS + "fetching.py",
                old="if error.code is Code.RESULT_TOO_LARGE:",
                new="if error.code is Code.RESULT_TOO_LARGE or live.misses >= 2:",
            ),
        ],
        tests=["tests/unit/services/test_fetching.py"],
    ),
    Fault(
        name="three tries at once prove that a file is broken",
        changes=[
            Change(
                path=STEPS + "fetching.py",
                old=") >= BROKEN_SECONDS",
                new=") > 0",
            ),
        ],
        tests=["tests/unit/services/test_fetching.py"],
    ),
    Fault(
        name="only the first link of a result is tried",
        changes=[
            Change(
                path=STEPS + "fetching.py",
                old="for url in _result(generation).urls:",
                new="for url in _result(generation).urls[:1]:",
            ),
        ],
        tests=["tests/unit/services/test_fetching.py"],
    ),
    Fault(
        name="a batch that fails is a provider that does not answer",
        changes=[
            Change(
                path=STEPS + "polling.py",
                old="if not alone and await self._single_queries_work(provider, lives, error):",
                new="if False and await self._single_queries_work(provider, lives, error):",
            ),
        ],
        tests=["tests/unit/services/test_batches.py"],
    ),
    Fault(
        name="an end is told ten times at most",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="age < ANNOUNCE_SECONDS or live.misses < ANNOUNCE_TIMES",
                new="live.misses < 10",
            ),
        ],
        tests=["tests/unit/services/test_ends.py"],
    ),
)
