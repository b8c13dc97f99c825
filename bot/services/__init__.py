"""The use cases: what Retake does, in terms of the ports. No Discord, no HTTP, no SQL."""

from dataclasses import dataclass

from bot.domain.catalogue import Catalogue
from bot.services.attachments import Intake
from bot.services.cancel import Cancel
from bot.services.delete import Delete
from bot.services.generate import Generate
from bot.services.history import History
from bot.services.jobs import Jobs
from bot.services.limits import LimitService
from bot.services.lookup import VideoLookup
from bot.services.missed import MissedReplies
from bot.services.revise import Revise


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the cogs call."""

    generate: Generate
    lookup: VideoLookup
    intake: Intake
    cancel: Cancel
    delete: Delete
    revise: Revise
    jobs: Jobs
    history: History
    limits: LimitService
    missed: MissedReplies
    catalogue: Catalogue
