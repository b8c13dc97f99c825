"""Why a job on a file failed: the words that cross from the worker process to the bot."""

from enum import StrEnum


class Fault(StrEnum):
    """Why a job failed because of the file, or of what it would take."""

    DAMAGED = "damaged"
    NO_PICTURE = "no_picture"
    CODEC = "codec"
    DIMENSIONS = "dimensions"
    TOO_SMALL = "too_small"
    EXHAUSTED = "exhausted"
    """It takes more time, memory or space than a job may use."""
    DISK_FULL = "disk_full"


class JobError(Exception):
    """A job failed. ``facts`` are for the sentence that says so, ``detail`` is for the log."""

    def __init__(self, fault: Fault, *, detail: str = "", **facts: int | str) -> None:
        super().__init__(f"{fault.value} {detail}".strip())
        self.fault = fault
        self.detail = detail
        self.facts = facts
