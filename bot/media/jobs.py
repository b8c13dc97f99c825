"""The values that pass between the bot and its worker process."""

from dataclasses import dataclass
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
    """A job failed. ``facts`` are for the message to the member, ``detail`` is for the log."""

    def __init__(self, fault: Fault, *, detail: str = "", **facts: int | str) -> None:
        super().__init__(f"{fault.value} {detail}".strip())
        self.fault = fault
        self.detail = detail
        self.facts = facts


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """``pixels`` limits the source; the other limits are those of the picture that is written.

    ``scaled_pixels`` is the source's limit for JPEG, which can be decoded at a fraction of its
    size. ``largest_pixels`` bounds the memory of a picture: no model shows as many. EvoLink accepts
    images of 240 to 7,680 pixels a side below 10 MB; the others accept more.
    """

    pixels: int = 100_000_000
    scaled_pixels: int = 220_000_000
    least_side: int = 240
    largest_side: int = 7_680
    largest_pixels: int = 16_000_000
    max_bytes: int = 9_500_000
