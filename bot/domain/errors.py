"""Everything that can go wrong, as values: a stable code, facts, and what it means for the money.

::

    RetakeError
    ├── Refused             a user's request cannot be met; nothing was spent
    ├── ProviderError       a provider refused, did not answer, or answered nonsense
    ├── PostError           Discord refused a message, or may have accepted it
    ├── MediaError          the media worker or the media store failed on our side
    ├── Superseded          another owner changed the generation; discard your copy
    ├── RowUnreadable       one row of the database is damaged; the others are fine
    └── StorageUnavailable  the database did not answer; refuse the request

``bot.ui.text.messages`` has one sentence per code; ``docs/reference/errors.md`` lists every
code.
"""

from enum import Enum, StrEnum
from typing import Any

Facts = dict[str, Any]
"""The values that a sentence may mention: JSON only (str, int, bool, list, None; times in Unix
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
    START_IMAGE_MISSING = "start_image_missing"
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
"""Discord refused the text of a message: the same file may pass with a different text."""


class RetakeError(Exception):
    """The base class: a code, and the facts that its sentence needs."""

    def __init__(self, code: Code, /, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts: Facts = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.code}({facts})"


class Refused(RetakeError):
    """A user's request cannot be met; nothing was held, submitted or charged."""


class Accepted(Enum):
    """Whether the other side accepted what was sent: a task, a message or a commit.

    After ``NO`` it may be sent again, also elsewhere. After ``UNKNOWN`` look for it first.
    """

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


class ProviderError(RetakeError):
    """A provider refused, failed or did not answer.

    ``accepted`` says whether the task may exist there: after ``NO`` (refused connection, 4xx, 429)
    another provider may be asked, after ``UNKNOWN`` (timeout, reset, 5xx after sending) it may not.
    ``retryable`` is true if the same call may succeed later, ``retry_after`` the number of seconds
    to wait. ``charged`` is false if the provider's documentation says that the money is refunded.
    The facts never contain keys, URLs, or raw provider text longer than 300 characters.
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
    """Discord did not confirm a message in one place.

    ``accepted`` is UNKNOWN if the message may exist anyway.
    ``retry_after`` (seconds) is set if the same place may accept it later.
    """

    def __init__(
        self, code: Code, /, *, accepted: Accepted, retry_after: float | None = None, **facts: Any
    ) -> None:
        super().__init__(code, **facts)
        self.accepted = accepted
        self.retry_after = retry_after

    @property
    def final(self) -> bool:
        """``final`` is true if the same place will not accept it later either."""
        return self.accepted is Accepted.NO and self.retry_after is None


class DiskFault(StrEnum):
    """The values of the fact ``reason`` that mean a failure of our disk."""

    FULL = "disk_full"
    BROKEN = "disk"


class MediaError(RetakeError):
    """Handling a file failed on our side (media worker, disk); the file may be fine."""

    @property
    def of_disk(self) -> bool:
        """``of_disk`` is true if our disk is full or does not work."""
        return self.facts.get("reason") in set(DiskFault)


class Superseded(RetakeError):
    """A compare-and-set found another state, owner or revision than expected."""

    def __init__(self) -> None:
        super().__init__(Code.INTERNAL)


class RowUnreadable(RetakeError):
    """A row cannot be read. ``row`` names it, for example "generation" and its id."""

    def __init__(self, row: str, *, reason: str) -> None:
        super().__init__(Code.ROW_UNREADABLE, row=row)
        self.row = row
        self.reason = reason


class StorageUnavailable(RetakeError):
    """The database did not answer. Callers refuse the request instead of skipping the checks.

    ``accepted`` is UNKNOWN if the commit had begun: the transaction may have been committed, or may
    still be. Otherwise it had no effect.
    """

    def __init__(self, reason: str, *, accepted: Accepted = Accepted.NO) -> None:
        super().__init__(Code.INTERNAL, reason=reason)
        self.accepted = accepted
