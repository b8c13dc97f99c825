"""Every key of the configuration, its default and what it may be.

``description`` is the end of the sentence a person reads when a value is wrong. Knows nothing of
where values come from, nor of the parts that are given them.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)

from bot.domain.catalogue import ProviderName
from bot.domain.quota import Limits, Period


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_address(text: str, secure: str, plain: str) -> str:
    parts = urlsplit(text)  # a ValueError of its own is as good as ours
    fine = parts.scheme == secure or (parts.scheme == plain and is_loopback(parts.hostname))
    if not fine or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(text)
    _ = parts.port
    return text


def _web(text: str) -> str:
    return _check_address(text, "https", "http").rstrip("/")


def _optional_web(text: str) -> str:
    return _web(text) if text else ""


def _socket(text: str) -> str:
    return _check_address(text, "wss", "ws")


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - pydantic turns ValueError into one of its own
    return value


Whole = Annotated[int, BeforeValidator(_no_flag)]
ServerId = Annotated[int, BeforeValidator(_no_flag), Field(ge=1)]
Number = Annotated[float, BeforeValidator(_no_flag)]
WebAddress = Annotated[str, AfterValidator(_web)]
Mirrors = Annotated[
    tuple[WebAddress, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
]
SocketAddress = Annotated[str, AfterValidator(_socket)]
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
        # A variable of the environment with a single id in it reads as a number.
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
    """What every provider's section holds; a provider is off while its key is empty."""

    api_key: SecretStr = Field(default=SecretStr(""), description=_KEY)
    max_running: Whole = Field(default=20, ge=1, le=100_000, description=_RUNNING)
    models: dict[str, Any] = Field(default={}, description="tables of catalogue entries")


class EvolinkSettings(ProviderSettings):
    api_url: WebAddress = Field(default="https://api.evolink.ai", description=_WEB)
    files_url: WebAddress = Field(default="https://files-api.evolink.ai", description=_WEB)


class ApimartSettings(ProviderSettings):
    api_url: Mirrors = Field(
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
        """The providers with a key: the default, then ``order``, then any that it leaves out."""
        sections = self.sections()
        names = dict.fromkeys(
            [ProviderName(name) for name in (self.default, *self.order)] + list(sections)
        )
        return tuple(name for name in names if sections[name].api_key.get_secret_value())

    def sections(self) -> Mapping[ProviderName, ProviderSettings]:
        """The section of every provider that this version knows, by the provider's name."""
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
        """The same as the domain's value."""
        return Limits(**self.model_dump())


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
    public_url: Annotated[str, AfterValidator(_optional_web)] = Field(
        default="", description=f"{_WEB}, or empty for no callbacks"
    )

    @property
    def usual_port(self) -> bool:
        """Whether callbacks go to port 80 or 443, as some providers demand; true on loopback."""
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
                raise ValueError("no address of a proxy")
            _ = parts.port
        return proxy


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='one of "debug", "info", "warning", "error"'
    )
    format: Literal["console", "json"] = Field(
        default="console", description='one of "console", "json"'
    )


class Settings(_Section):
    """Everything an operator can say; see ``config.example.toml``."""

    discord: DiscordSettings = DiscordSettings()
    database: DatabaseSettings = DatabaseSettings()
    media: MediaSettings = MediaSettings()
    providers: ProvidersSettings = ProvidersSettings()
    limits: LimitsSettings = LimitsSettings()
    deadlines: DeadlinesSettings = DeadlinesSettings()
    http: HttpSettings = HttpSettings()
    network: NetworkSettings = NetworkSettings()
    log: LogSettings = LogSettings()

    def problems_for_run(self) -> list[str]:
        """Sentences about what is missing before the bot can run; empty when nothing is."""
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
        """Every secret in the clear, for those who must keep them out of what they write."""
        found = set(_secrets_in(self))
        address = urlsplit(self.database.url)
        in_query = dict(parse_qsl(address.query)).get("password")
        proxy = urlsplit(self.network.proxy.get_secret_value())
        for password in (address.password, in_query, proxy.password):
            if password:
                # As it stands in the address, and as a driver may tell it.
                found |= {password, unquote(password)}
        return frozenset(found)


def _secrets_in(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _secrets_in(value)
        elif isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
