"""Discord's error answers: the status, the code, the sentence and, for forms, the nested tree.

Owns their shape and their numbers. Must not know which rule found the fault.
"""

from typing import Any


class Refused(ValueError):
    """What this person's client would not have let them do."""


class DiscordError(Exception):
    """An answer that refuses: becomes the HTTP answer as it is."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors
        self.body.update(extra or {})


class Form:
    """What is wrong with a request body, by the path of each field."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}

    def add(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        node = self._tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def required(self, *path: str | int) -> None:
        self.add(path, "BASE_TYPE_REQUIRED", "This field is required")

    def too_long(self, limit: int, *path: str | int) -> None:
        self.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")

    def length(self, low: int, high: int, *path: str | int) -> None:
        self.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")

    def choice(self, allowed: object, *path: str | int) -> None:
        self.add(path, "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")

    def __bool__(self) -> bool:
        return bool(self._tree)

    def refusal(self) -> DiscordError:
        """Discord's 50035 with everything that was found."""
        return DiscordError(400, 50035, "Invalid Form Body", errors=self._tree)

    def check(self) -> None:
        """Refuse when anything was found."""
        if self._tree:
            raise self.refusal()


def invalid(code: str, message: str, *path: str | int) -> DiscordError:
    """A form with a single fault."""
    form = Form()
    form.add(path, code, message)
    return form.refusal()


def unauthorized() -> DiscordError:
    return DiscordError(401, 0, "401: Unauthorized")


def not_found() -> DiscordError:
    return DiscordError(404, 0, "404: Not Found")


def unknown(what: str) -> DiscordError:
    codes = {
        "Account": 10001,
        "Application": 10002,
        "Channel": 10003,
        "Guild": 10004,
        "Member": 10007,
        "Message": 10008,
        "Role": 10011,
        "User": 10013,
        "Webhook": 10015,
        "interaction": 10062,
        "application command": 10063,
    }
    return DiscordError(404, codes[what], f"Unknown {what}")


def missing_access() -> DiscordError:
    return DiscordError(403, 50001, "Missing Access")


def missing_permissions() -> DiscordError:
    return DiscordError(403, 50013, "Missing Permissions")


def too_large() -> DiscordError:
    return DiscordError(413, 40005, "Request entity too large")


def rate_limited(retry_after: float, *, is_global: bool = False, code: int = 0) -> DiscordError:
    message = (
        "Maximum number of edits to messages older than 1 hour reached. Try again later."
        if code == 30046
        else "You are being rate limited."
    )
    headers = {"Via": "1.1 sandbox", "Retry-After": str(max(1, round(retry_after)))}
    if is_global:
        headers["X-RateLimit-Global"] = "true"
    return DiscordError(
        429,
        code,
        message,
        extra={"retry_after": round(retry_after, 3), "global": is_global},
        headers=headers,
    )
