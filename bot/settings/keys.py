"""Every key of the configuration, with its default and its allowed values.

``description`` is the end of the message about an invalid value.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bot.domain.catalogue import ProviderName
from bot.domain.limits import Limits, Period
from bot.domain.request import ReplyMode
from bot.settings.values import (
    Number,
    OptionalWebAddress,
    ServerId,
    SocketAddress,
    WebAddress,
    WebAddresses,
    Whole,
    is_loopback,
)

Name = Literal["evolink", "apimart"]

_WEB = "an https:// address (plain http:// only on loopback)"
_NAMES = ", ".join(f'"{name}"' for name in get_args(Name))
_KEY = "text in quotes; empty turns the provider off"
_RUNNING = "a whole number from 1 to 100000"
_SECONDS = "a whole number of seconds, 60 or more"
_COUNT = "a whole number, 0 or more (0 means no limit)"


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class DiscordSettings(_Section):
    token: SecretStr = Field(default=SecretStr(""), description="text in quotes")
    api_url: WebAddress = Field(default="https://discord.com/api/v10", description=_WEB)
    gateway_url: SocketAddress = Field(
        default="wss://gateway.discord.gg/",
        description="a wss:// address (plain ws:// only on loopback)",
    )
    sync_guild: Whole = Field(default=0, ge=0, description="a server's id, or 0 for none")
    guild_ready_timeout: Number = Field(
        default=2.0, ge=0, le=60, description="seconds, from 0 to 60"
    )
    allowed_servers: tuple[ServerId, ...] = Field(
        default=(), description="a list of servers' ids; an empty one allows every server"
    )

    @field_validator("allowed_servers", mode="before")
    @classmethod
    def _as_list(cls, given: object) -> object:
        # An environment variable with a single id is a number.
        if isinstance(given, int) and not isinstance(given, bool):
            return (given,)
        return [part for part in given if part != ""] if isinstance(given, list) else given


class DatabaseSettings(_Section):
    url: str = Field(
        default="sqlite+aiosqlite:///data/retake.db",
        repr=False,  # it may hold a password
        description='"sqlite+aiosqlite:///" and a path, or "postgresql+asyncpg://" and a server',
    )

    @field_validator("url")
    @classmethod
    def _known_engine(cls, url: str) -> str:
        engine, _, rest = url.partition("://")
        known = {"sqlite+aiosqlite": len(rest) > 1, "postgresql+asyncpg": bool(rest)}
        if not known.get(engine, False):
            raise ValueError(engine)
        return url


class MediaSettings(_Section):
    dir: Path = Field(default=Path("data/media"), description="a folder")
    retention_days: Whole = Field(
        default=30, ge=1, le=3650, description="a whole number from 1 to 3650"
    )
    max_gib: Whole = Field(
        default=50, ge=1, le=1_000_000, description="a whole number from 1 to 1000000"
    )
    max_upload_mib: Whole = Field(
        default=50, ge=1, le=500, description="a whole number from 1 to 500"
    )


class ProviderSettings(_Section):
    """The keys of every provider's section. A provider without ``api_key`` is disabled."""

    api_key: SecretStr = Field(default=SecretStr(""), description=_KEY)
    max_running: Whole = Field(default=20, ge=1, le=100_000, description=_RUNNING)
    models: dict[str, Any] = Field(default={}, description="tables of catalogue entries")


class EvolinkSettings(ProviderSettings):
    api_url: WebAddress = Field(default="https://api.evolink.ai", description=_WEB)
    files_url: WebAddress = Field(default="https://files-api.evolink.ai", description=_WEB)


class ApimartSettings(ProviderSettings):
    api_url: WebAddresses = Field(
        default=("https://api.apimart.ai",),
        min_length=1,
        description=f"{_WEB}, or a list of several that serve the same account",
    )


class ProvidersSettings(_Section):
    default: Name = Field(default="evolink", description=f"one of {_NAMES}")
    order: tuple[Name, ...] = Field(
        default=get_args(Name), description=f"a list of {_NAMES}, each at most once"
    )
    default_model: str = Field(
        default="omni-flash-1.1",
        min_length=1,
        description="the name of a model family in the catalogue",
    )
    poll_lambda: Number = Field(default=0.2, ge=0.01, le=60, description="seconds, from 0.01 to 60")
    evolink: EvolinkSettings = EvolinkSettings()
    apimart: ApimartSettings = ApimartSettings()

    @field_validator("order")
    @classmethod
    def _no_repeats(cls, order: tuple[Name, ...]) -> tuple[Name, ...]:
        if len(set(order)) < len(order):
            raise ValueError(order)
        return order

    def enabled(self) -> tuple[ProviderName, ...]:
        """Return the providers with a key: the default, then ``order``, then all others."""
        sections = self.sections()
        names = dict.fromkeys(
            [ProviderName(name) for name in (self.default, *self.order)] + list(sections)
        )
        return tuple(name for name in names if sections[name].api_key.get_secret_value())

    def sections(self) -> Mapping[ProviderName, ProviderSettings]:
        """Return the section of every known provider by its name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            ProviderName(name): section
            for name, section in found.items()
            if isinstance(section, ProviderSettings)
        }


class LimitsSettings(_Section):
    videos: Whole = Field(default=10, ge=0, description=_COUNT)
    seconds: Whole = Field(default=0, ge=0, description=_COUNT)
    period: Period = Field(default=Period.DAY, description='one of "day", "week", "month"')
    concurrent: Whole = Field(default=3, ge=0, description=_COUNT)
    cooldown: Whole = Field(default=0, ge=0, description="a whole number of seconds, 0 or more")

    def as_limits(self) -> Limits:
        """Return the domain's value."""
        return Limits(**self.model_dump())


class RepliesSettings(_Section):
    mode: ReplyMode = Field(default=ReplyMode.EDIT, description='one of "edit", "ask", "off"')
    grace_seconds: Whole = Field(
        default=5, ge=0, le=60, description="a whole number of seconds from 0 to 60"
    )


class DeadlinesSettings(_Section):
    queued: Whole = Field(default=21600, ge=60, description=_SECONDS)
    submit_unknown: Whole = Field(default=1800, ge=60, description=_SECONDS)
    running: Whole = Field(default=3600, ge=60, description=_SECONDS)
    fetching: Whole = Field(default=21600, ge=60, description=_SECONDS)
    posting: Whole = Field(default=86400, ge=60, description=_SECONDS)


class HttpSettings(_Section):
    host: str = Field(default="127.0.0.1", min_length=1, description="an address of this machine")
    port: Whole = Field(
        default=8080,
        ge=0,
        le=65535,
        description="a whole number from 0 to 65535 (0 takes any free port)",
    )
    public_url: OptionalWebAddress = Field(
        default="", description=f"{_WEB}, or empty for no callbacks"
    )

    @property
    def usual_port(self) -> bool:
        """True if callbacks use port 80 or 443, as some providers require; true on loopback."""
        address = urlsplit(self.public_url)
        return address.port in {None, 80, 443} or is_loopback(address.hostname)


class NetworkSettings(_Section):
    proxy: SecretStr = Field(
        default=SecretStr(""),
        description='"http://", "https://" or "socks5://", a host and a port, with'
        " user:password@ before the host where needed; empty for no proxy",
    )

    @field_validator("proxy")
    @classmethod
    def _an_address(cls, proxy: SecretStr) -> SecretStr:
        if text := proxy.get_secret_value():
            parts = urlsplit(text)
            known = parts.scheme in {"http", "https", "socks5", "socks5h"}
            if not known or not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError("not an address of a proxy")
            _ = parts.port
        return proxy


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='one of "debug", "info", "warning", "error"'
    )
    format: LogFormat = Field(default=LogFormat.CONSOLE, description='one of "console", "json"')

    @property
    def as_json(self) -> bool:
        """True if every line is a JSON document."""
        return self.format is LogFormat.JSON


class Settings(_Section):
    """The whole configuration; see ``config.example.toml``."""

    discord: DiscordSettings = DiscordSettings()
    database: DatabaseSettings = DatabaseSettings()
    media: MediaSettings = MediaSettings()
    providers: ProvidersSettings = ProvidersSettings()
    limits: LimitsSettings = LimitsSettings()
    replies: RepliesSettings = RepliesSettings()
    deadlines: DeadlinesSettings = DeadlinesSettings()
    http: HttpSettings = HttpSettings()
    network: NetworkSettings = NetworkSettings()
    log: LogSettings = LogSettings()

    def problems_for_run(self) -> list[str]:
        """Return a sentence about everything that the bot needs to run and that is missing."""
        problems: list[str] = []
        if not self.discord.token.get_secret_value():
            problems.append(
                "The Discord token is missing: set [discord] token, or RETAKE__DISCORD__TOKEN."
            )
        if not self.providers.enabled():
            problems.append(
                "No provider has a key: set api_key in [providers.evolink] or"
                " [providers.apimart], or RETAKE__PROVIDERS__EVOLINK__API_KEY."
            )
        return problems

    def secret_values(self) -> frozenset[str]:
        """Return every secret in plain text, so that it can be removed from the log."""
        found = set(_secrets_in(self))
        address = urlsplit(self.database.url)
        in_query = dict(parse_qsl(address.query)).get("password")
        proxy = urlsplit(self.network.proxy.get_secret_value())
        for password in (address.password, in_query, proxy.password):
            if password:
                # A driver may log it as it is in the address, or unquoted.
                found |= {password, unquote(password)}
        return frozenset(found)


def _secrets_in(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _secrets_in(value)
        elif isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
