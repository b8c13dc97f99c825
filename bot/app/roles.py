"""The roles of processes."""

from enum import StrEnum


class Role(StrEnum):
    """Which half of the work a process does."""

    ALL = "all"
    GATEWAY = "gateway"
    WORKER = "worker"
