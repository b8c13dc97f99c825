"""``python -m bot.operator.healthcheck``: the exit status says whether the bot is alive.

Owns the question that a container's health check asks, at the address that ``[http]`` names. It
reads the configuration and asks ``/healthz``; it imports nothing of the bot, because it runs every
half minute.
"""

import ipaddress
import sys
import urllib.request
from urllib.error import URLError

from bot.settings import Settings, SettingsError, load

ANSWER_SECONDS = 4.0


def main() -> int:
    """Return 0 if the bot answers that it is alive, or if it has no port of its own; else 1."""
    try:
        settings = load(None)
    except SettingsError as error:
        print(error)
        return 1
    if not settings.http.port:
        print("[http] port is 0 (any free port), so there is no known port to check.")
        return 0
    try:
        urllib.request.urlopen(health_url(settings), timeout=ANSWER_SECONDS).close()  # noqa: S310 - ours
    except (URLError, OSError) as error:
        print(f"The bot didn't report that it is alive: {error}.")
        return 1
    return 0


def health_url(settings: Settings) -> str:
    """Where the bot answers on this machine: an address for all interfaces means loopback here."""
    host = settings.http.host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "::1"
        host = f"[{host}]" if address.version == 6 else host
    return f"http://{host}:{settings.http.port}/healthz"


if __name__ == "__main__":
    sys.exit(main())
