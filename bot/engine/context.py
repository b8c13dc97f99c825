"""What every service needs: the ports, the operator's policy, the state of the disk.

``bot.app`` builds it once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bot.domain.catalogue import ProviderName
from bot.domain.ids import GenerationId
from bot.domain.limits import Limits
from bot.domain.ports.clock import Clock
from bot.domain.ports.media import MediaStore
from bot.domain.ports.messenger import Messenger
from bot.domain.ports.provider import ProviderDirectory
from bot.domain.ports.storage import Storage
from bot.domain.ports.telemetry import Telemetry
from bot.engine.room import Room


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The numbers that the operator may set. Times are in seconds, sizes in bytes.

    ``max_running`` limits the running tasks at a provider; ``poll_lambda`` is the cost of one poll
    in seconds of lag.
    ``callback_url`` returns the address that a provider calls when a generation is done (None:
    callbacks are off).
    """

    limits: Limits = field(default_factory=Limits)
    max_running: Mapping[ProviderName, int] = field(default_factory=dict[ProviderName, int])
    poll_lambda: float = 0.2
    queue_deadline: int = 6 * 3600
    unknown_deadline: int = 1800
    running_deadline: int = 3600
    fetch_deadline: int = 6 * 3600
    post_deadline: int = 24 * 3600
    max_result_bytes: int = 512 * 2**20
    callback_url: Callable[[ProviderName, GenerationId], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports, together."""

    storage: Storage
    clock: Clock
    providers: ProviderDirectory
    media: MediaStore
    messenger: Messenger
    telemetry: Telemetry
    policy: Policy

    @cached_property
    def room(self) -> Room:
        """``room`` knows whether the disk has room for attachments and results."""
        return Room(media=self.media, messenger=self.messenger)
