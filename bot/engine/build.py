"""One process's engine, put together from the ports.

Owns which parts belong to each other. The app, the tests' worlds and the benches build it here, so
that what is tested is what runs.
"""

from dataclasses import dataclass

from bot.domain.ids import WorkerId
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.engine.late_results import LateResults
from bot.engine.lease import Lease
from bot.engine.steps import Steps
from bot.engine.timing import Timing
from bot.engine.worker import Scheduler


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What one process has in flight, and what carries it on."""

    ports: Ports
    flights: Flights
    scheduler: Scheduler
    late: LateResults


def build(
    ports: Ports, *, worker_id: WorkerId, alone: bool, timing: Timing | None = None
) -> Engine:
    """Return the engine of one process; nothing of it runs yet.

    ``alone`` is true if no other worker can exist (SQLite). ``timing`` replaces the poll rule.
    """
    steps = Steps(
        ports=ports,
        flights=Flights(max_running=ports.policy.max_running),
        timing=timing or Timing(ports=ports),
        lease=Lease(ports=ports, alone=alone),
    )
    return Engine(
        ports=ports,
        flights=steps.flights,
        scheduler=Scheduler(steps=steps, worker_id=worker_id),
        late=LateResults(
            storage=ports.storage,
            clock=ports.clock,
            providers=ports.providers,
            telemetry=ports.telemetry,
        ),
    )
