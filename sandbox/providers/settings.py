"""What a person may turn at a provider.

Owns the names and defaults of the settings; each is read where it takes effect.
"""

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Settings:
    """What a person may turn. Durations in seconds.

    ``rate_limit`` is calls a minute; ``estimate`` what is told as the estimated time (None: the
    truth); ``status_words`` maps a state (pending, processing, completed, failed, cancelled,
    submitted) to the word that is sent instead; ``url_as_string`` makes APIMart send a result's
    ``url`` as a string instead of a list.
    """

    seconds: float = 8
    progress_step: int = 5
    status_words: dict[str, str] | None = None
    api_key: str = ""
    rate_limit: int | None = None
    estimate: int | None = None
    denied_models: list[str] = field(default_factory=list)
    url_as_string: bool = False
