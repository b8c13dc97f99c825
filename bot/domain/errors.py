"""Everything that can go wrong, as values: a stable code, facts, and what it means for the money.

::

    RetakeError
    ├── Refused             a person asked for something that is not to be had; nothing was spent
    ├── ProviderError       a gateway said no, said nothing, or said nonsense
    ├── PostError           Discord would not take a message, or may have taken it
    ├── MediaError          the media worker or the media store failed on our side
    ├── Superseded          another owner moved the generation on; drop what you hold
    ├── RowUnreadable       one row of the database is damaged; all others are fine
    └── StorageUnavailable  the database did not answer; refuse, never let through

Words live in ``bot.ui.text.messages``, one sentence per code; every code stands in
``docs/reference/errors.md``.
"""

from enum import Enum, StrEnum
from typing import Any

Facts = dict[str, Any]
"""What a sentence may mention: plain JSON values only (str, int, bool, list, None; times as Unix
seconds).
"""


class Code(StrEnum):
    """Stable names of what went wrong. Adding one means a sentence and a line in the docs."""

    # refusals before anything was held
    QUOTA_VIDEOS = "quota_videos"
    QUOTA_SECONDS = "quota_seconds"
    QUOTA_CONCURRENT = "quota_concurrent"
    QUOTA_COOLDOWN = "quota_cooldown"
    LIMIT_ZERO = "limit_zero"
    PROMPT_MISSING = "prompt_missing"
    INSTRUCTION_MISSING = "instruction_missing"
    PROMPT_TOO_LONG = "prompt_too_long"
    MODEL_UNKNOWN = "model_unknown"
    MODE_UNSUPPORTED = "mode_unsupported"
    DURATION_UNSUPPORTED = "duration_unsupported"
    ASPECT_RATIO_UNSUPPORTED = "aspect_ratio_unsupported"
    RESOLUTION_UNSUPPORTED = "resolution_unsupported"
    TOO_MANY_IMAGES = "too_many_images"
    LAST_FRAME_UNSUPPORTED = "last_frame_unsupported"
    INPUTS_CONFLICT = "inputs_conflict"
    NO_PROVIDER = "no_provider"
    MEDIA_TYPE = "media_type"
    MEDIA_TOO_LARGE = "media_too_large"
    MEDIA_DIMENSIONS = "media_dimensions"
    MEDIA_DURATION = "media_duration"
    MEDIA_TOO_SHORT = "media_too_short"
    MEDIA_TOO_SMALL = "media_too_small"
    MEDIA_NO_PICTURE = "media_no_picture"
    MEDIA_CODEC = "media_codec"
    MEDIA_TIMEOUT = "media_timeout"
    MEDIA_BROKEN = "media_broken"
    MEDIA_UNAVAILABLE = "media_unavailable"
    FILE_NOT_KEPT = "file_not_kept"
    FILES_FORGOTTEN = "files_forgotten"
    REQUEST_FORGOTTEN = "request_forgotten"
    NOT_FOUND = "not_found"
    NOT_YOURS = "not_yours"
    NOT_FINISHED = "not_finished"
    NOT_KEPT = "not_kept"
    ROW_UNREADABLE = "row_unreadable"
    NOT_A_VIDEO = "not_a_video"
    CONTENT_HIDDEN = "content_hidden"
    NO_ROOM = "no_room"
    STOPPING = "stopping"
    PROVIDER_TROUBLE = "provider_trouble"
    GUILD_ONLY = "guild_only"
    OUTSIDE_SERVER = "outside_server"
    SERVER_NOT_ALLOWED = "server_not_allowed"
    PLACE_RIGHTS = "place_rights"
    PLACE_LOCKED = "place_locked"
    # how a generation can fail
    MODERATED = "moderated"
    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_AUTH = "provider_auth"
    PROVIDER_BALANCE = "provider_balance"
    PROVIDER_MODEL_ACCESS = "provider_model_access"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_MALFORMED = "provider_malformed"
    PROVIDER_FILES_FULL = "provider_files_full"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_TASK_GONE = "provider_task_gone"
    NO_VIDEO = "no_video"
    RESULT_GONE = "result_gone"
    RESULT_BROKEN = "result_broken"
    RESULT_TOO_LARGE = "result_too_large"
    RESULT_UNREACHABLE = "result_unreachable"
    DISK = "disk"
    DOUBTFUL_REPORT = "doubtful_report"
    SUBMIT_UNKNOWN = "submit_unknown"
    DEADLINE = "deadline"
    INTERNAL = "internal"
    # Discord
    POST_FORBIDDEN = "post_forbidden"
    POST_TARGET_GONE = "post_target_gone"
    POST_TOO_LARGE = "post_too_large"
    POST_REJECTED = "post_rejected"
    POST_UNAVAILABLE = "post_unavailable"
    POST_LIMITED = "post_limited"
    POST_LOCKED = "post_locked"
    POST_NO_PLACE = "post_no_place"
    POST_FILTERED = "post_filtered"
    POST_LINK_BLOCKED = "post_link_blocked"
    POST_EXPLICIT = "post_explicit"
    POST_UPLOADS_LIMITED = "post_uploads_limited"
    POST_DISABLED = "post_disabled"
    POST_INCOMPLETE = "post_incomplete"
    POST_UNKNOWN = "post_unknown"


FILTERS = frozenset({Code.POST_FILTERED, Code.POST_LINK_BLOCKED})
"""Refusals of the words of a message: the same file may pass with other words."""


class RetakeError(Exception):
    """The root: a code and the facts its sentence needs."""

    def __init__(self, code: Code, /, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts: Facts = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.code}({facts})"


class Refused(RetakeError):
    """A person's request cannot be met; nothing was held, submitted or charged."""


class Accepted(Enum):
    """Whether a provider took a task on: decides if another one may be asked."""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


class ProviderError(RetakeError):
    """A gateway's refusal, failure or silence.

    ``accepted`` tells whether the task may exist there: ``NO`` (refused connection, 4xx, 429) lets
    another provider take it, ``UNKNOWN`` (timeout, reset, 5xx after sending) does not.
    ``retryable`` tells whether the same call may succeed later, ``retry_after`` in how many
    seconds.
    ``charged`` is false where the gateway's pages say that the money comes back.
    Facts never hold keys, URLs or raw provider text longer than 300 characters.
    """

    def __init__(
        self,
        code: Code,
        /,
        *,
        accepted: Accepted = Accepted.NO,
        retryable: bool = False,
        charged: bool = False,
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(code, **facts)
        self.accepted = accepted
        self.retryable = retryable
        self.charged = charged
        self.retry_after = retry_after


class PostError(RetakeError):
    """Discord did not take a message at one place.

    ``definite`` is false when the message may be there all the same: look before posting again.
    ``retry_after`` (seconds) is set when the same place may take it later.
    """

    def __init__(
        self, code: Code, /, *, definite: bool, retry_after: float | None = None, **facts: Any
    ) -> None:
        super().__init__(code, **facts)
        self.definite = definite
        self.retry_after = retry_after

    @property
    def final(self) -> bool:
        """Whether the same place will not take it later either."""
        return self.definite and self.retry_after is None


class MediaError(RetakeError):
    """Our own handling of a file failed (media worker, disk); the file may be fine."""


class Superseded(RetakeError):
    """A compare-and-set found another state, owner or revision: somebody else owns it now."""

    def __init__(self) -> None:
        super().__init__(Code.INTERNAL)


class RowUnreadable(RetakeError):
    """A row holds something that cannot be read. ``row`` names it, as "generation" and its id."""

    def __init__(self, row: str, *, reason: str) -> None:
        super().__init__(Code.ROW_UNREADABLE, row=row)
        self.row = row
        self.reason = reason


class StorageUnavailable(RetakeError):
    """The database did not answer. Callers refuse; nothing is let through unchecked.

    ``unclear`` is true if the commit had begun: the transaction may be committed all the same, or
    may still be. Otherwise nothing of it was kept.
    """

    def __init__(self, reason: str, *, unclear: bool = False) -> None:
        super().__init__(Code.INTERNAL, reason=reason)
        self.unclear = unclear
