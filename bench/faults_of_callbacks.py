"""Faults in what a callback names: ``bench.faults`` holds the others."""

from bench.fault import STEPS, Change, Fault

NAMES = ["tests/unit/services/test_callbacks.py"]

CALLBACKS = (
    Fault(
        name="what a callback names is known to this process alone",
        changes=[
            Change(
                path="bot/services/callbacks.py",
                old="return await tx.generations.save(found, named)",
                new="return named",
            ),
        ],
        tests=[*NAMES, "-k", "outlives"],
    ),
    Fault(
        name="a callback is answered although its name is not saved",
        changes=[
            Change(
                path="bot/web/server.py",
                old="            raise web.HTTPServiceUnavailable from None\n",
                new="",
            ),
        ],
        tests=["tests/integration/test_web_server.py", "-k", "hears_of_success"],
    ),
    Fault(
        name="a lost answer undoes what a callback named before it",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="task=with_names(kept, g)),",
                new="task=kept),",
            ),
        ],
        tests=[*NAMES, "-k", "before_the_answer"],
    ),
    Fault(
        name="a list counts for more than a callback that comes meanwhile",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="if task_of(fresh).named != checked:",
                new="if False:",
            ),
        ],
        tests=[*NAMES, "-k", "counts_for_more"],
    ),
    Fault(
        name="a list counts for more than a name that could not be checked",
        changes=[
            Change(
                path=STEPS + "unknown.py",
                old="if provider.can_list_tasks and not unchecked:",
                new="if provider.can_list_tasks:",
            ),
        ],
        tests=[*NAMES, "-k", "could_not_be_checked"],
    ),
    Fault(
        name="every callback writes",
        changes=[
            Change(
                path="bot/services/callbacks.py",
                old="len(task.named) >= NAMES_AT_MOST",
                new="len(task.named) >= 1000",
            ),
        ],
        tests=[*NAMES, "-k", "flood"],
    ),
)
