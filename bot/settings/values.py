"""The types of values: numbers that are not booleans, and addresses."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field


def is_loopback(host: str | None) -> bool:
    """Return True if a host name or address can only mean this machine."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_address(text: str, secure: str, plain: str) -> str:
    parts = urlsplit(text)  # it may raise a ValueError too
    allowed = parts.scheme == secure or (parts.scheme == plain and is_loopback(parts.hostname))
    if not allowed or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(text)
    _ = parts.port
    return text


def _web(text: str) -> str:
    return _check_address(text, "https", "http").rstrip("/")


def _optional_web(text: str) -> str:
    return _web(text) if text else ""


def _socket(text: str) -> str:
    return _check_address(text, "wss", "ws")


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - pydantic expects a ValueError
    return value


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(_not_bool)]
Number = Annotated[float, BeforeValidator(_not_bool)]
ServerId = Annotated[int, BeforeValidator(_not_bool), Field(ge=1)]
WebAddress = Annotated[str, AfterValidator(_web)]
OptionalWebAddress = Annotated[str, AfterValidator(_optional_web)]
WebAddresses = Annotated[tuple[WebAddress, ...], BeforeValidator(_as_tuple)]
SocketAddress = Annotated[str, AfterValidator(_socket)]
