"""Faults in waiting, pausing, submitting and dropping, and of each guard alone."""

from bench.fault import STEPS, Change, Fault, blows, dropped, guards, pauses, queue

WAITING = (
    Fault(
        name="changes what somebody else owns",
        changes=[
            Change(
                path="bot/engine/transitions.py",
                old="""\
                or fresh.owner_id != generation.owner_id
""",
                new="",
            ),
        ],
        tests=guards("somebody_else"),
    ),
    Fault(
        name="changes what has moved on",
        changes=[
            Change(
                path="bot/engine/transitions.py",
                old="""\
                or (fresh.state is not generation.state and not in_any_state)
""",
                new="",
            ),
        ],
        tests=guards("moved_on"),
    ),
    Fault(
        name="a lease never asks",
        changes=[
            Change(
                path="bot/engine/lease.py",
                old="if not self.sure(generation):",
                new="if not generation:",
            ),
        ],
        tests=guards("ran_out"),
    ),
    Fault(
        name="a lease does not mind who owns it",
        changes=[
            Change(
                path="bot/engine/lease.py",
                old="""\
            or fresh.owner_id != generation.owner_id
""",
                new="",
            ),
        ],
        tests=guards("ran_out"),
    ),
    Fault(
        name="does not ask its lease before it posts",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
            if (await self.lease.fresh(generation)).abandoned:
                return None
""",
                new="",
            ),
        ],
        tests=blows("standing_still"),
    ),
    Fault(
        name="posts what was dropped during the conversion",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="if (await self.lease.fresh(generation)).abandoned:",
                new="if not await self.lease.fresh(generation):",
            ),
        ],
        tests=dropped("conversion"),
    ),
    Fault(
        name="posts what was dropped while Discord was away",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
        if live.generation.abandoned:
            return await self._dropped(live)
        if live.posted_since""",
                new="""\
        if live.posted_since""",
            ),
            Change(
                path=STEPS + "posting.py",
                old="if (await self.lease.fresh(generation)).abandoned:",
                new="if not await self.lease.fresh(generation):",
            ),
        ],
        tests=dropped("away"),
    ),
    Fault(
        name="buys what was dropped and came back to the queue",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="if live.generation.abandoned:",
                new="if not live.generation:",
            ),
        ],
        tests=dropped("goes_back"),
    ),
    Fault(
        name="buys what is dropped while it is handed over",
        changes=[
            Change(
                path="bot/services/cancel.py",
                old="if abandoned and found.state is State.QUEUED:",
                new="if abandoned and found.state is State.FAILED:",
            ),
        ],
        tests=dropped("handed_over"),
    ),
    Fault(
        name="sends what was dropped once more",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="""\
            or generation.abandoned
""",
                new="",
            ),
        ],
        tests=dropped("unclear"),
    ),
    Fault(
        name="counts what was dropped as it was planned",
        changes=[
            Change(
                path=STEPS + "fetching.py",
                old="seconds = made_seconds(generation) or generation.plan.seconds",
                new="seconds = generation.plan.seconds",
            ),
        ],
        tests=dropped("by_what_was_made"),
    ),
    Fault(
        name="a place that comes free wakes nobody",
        changes=[
            Change(
                path="bot/engine/queue.py",
                old="""\
        self._changed = True
        self._upset()
""",
                new="""\
        self._upset()
""",
            ),
        ],
        tests=queue("leaves_the_place"),
    ),
    Fault(
        name="who is put off keeps the place",
        changes=[
            Change(
                path="bot/engine/worker.py",
                old="        return not following.after\n",
                new="        return True\n",
            ),
        ],
        tests=queue("fault_of_ours"),
    ),
    Fault(
        name="who is refused keeps the place until it is told",
        changes=[
            Change(
                path="bot/engine/worker.py",
                old="    return generation.state in AT_PROVIDER\n",
                new="    return True\n",
            ),
        ],
        tests=queue("until_it_is_told"),
    ),
    Fault(
        name="the end of a pause wakes nobody",
        changes=[
            Change(
                path="bot/engine/queue.py",
                old="if not self._waiting or not (self._changed or began):",
                new="if not self._waiting or not self._changed:",
            ),
        ],
        tests=queue("pauses"),
    ),
    Fault(
        name="the deadline does not run in line",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="return Next(after=max(left, 0.0), waiting=True)",
                new="return Next(after=1e6, waiting=True)",
            ),
        ],
        tests=queue("too_long"),
    ),
    Fault(
        name="the deadline ends who was just admitted",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="if left <= 0 and not self.flights.queue.holds(generation.id):",
                new="if left <= 0:",
            ),
        ],
        tests=queue("step_after"),
    ),
    Fault(
        name="a success from before a pause ends it",
        changes=[
            Change(
                path="bot/domain/breaker.py",
                old="if self.until is not None and (self.awaits_operator or now < self.until):",
                new="if self.awaits_operator:",
            ),
        ],
        tests=["tests/unit/test_breaker.py", "-k", "from_before"],
    ),
    Fault(
        name="who prepared submits into a pause",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="if not self.flights.queue.may_submit(live.generation.id, provider.name, now):",
                new="if not live.generation.id:",
            ),
        ],
        tests=pauses("nobody_who_prepares"),
    ),
    Fault(
        name="a replay does not mind a pause",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="return self.flights.queue.may_submit(generation.id, provider.name, now)",
                new="return now >= 0",
            ),
        ],
        tests=pauses("kept_by_everybody"),
    ),
    Fault(
        name="nobody asks whether there is money again",
        changes=[
            Change(
                path="bot/engine/worker.py",
                old="            group.create_task(self._balances.keep(self._stopped))\n",
                new="",
            ),
        ],
        tests=pauses("top_up"),
    ),
    Fault(
        name="takes people on while results cannot be fetched",
        changes=[
            Change(
                path="bot/engine/in_flight.py",
                old=" or self.stuck.blocks(provider, with_media=with_media):",
                new=":",
            ),
        ],
        tests=pauses("results"),
    ),
)
