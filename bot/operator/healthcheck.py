"""``python -m bot.operator.healthcheck``: the exit status is 0 if the bot is alive.

It is the container's health check. It runs every half minute, so it imports only the configuration
and requests ``/healthz``.
"""

import ipaddress
import sys
import urllib.request
from urllib.error import URLError

from bot.settings import Settings, SettingsError, load

RESPONSE_SECONDS = 4.0


def main() -> int:
    """Return 0 if the bot reports that it is alive, or if its port is unknown; else 1."""
    try:
        settings = load(None)
    except SettingsError as error:
        print(error)
        return 1
    if not settings.http.port:
        print("[http] port is 0 (any free port), so there is no known port to check.")
        return 0
    try:
        urllib.request.urlopen(health_url(settings), timeout=RESPONSE_SECONDS).close()  # noqa: S310 - ours
    except (URLError, OSError) as error:
        print(f"The bot didn't report that it is alive: {error}.")
        return 1
    return 0


def health_url(settings: Settings) -> str:
    """Return the address of /healthz; an address for all interfaces becomes loopback."""
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
