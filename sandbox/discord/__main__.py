"""The Discord stand-in alone, for trying things by hand: `python -m sandbox.discord --port 8901`.

Owns a server on loopback. The sandbox itself (`./retake sandbox`) does not come through here.
"""

import argparse
import asyncio
from contextlib import suppress

from aiohttp import web

from sandbox.discord import DiscordStandIn


async def serve(port: int) -> None:
    standin = DiscordStandIn()
    app = web.Application()
    standin.mount(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    standin.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(  # noqa: T201 - a command speaks by printing
        f"{standin.base_url}  (api_url {standin.base_url}/api/v10, token {standin.token})"
    )
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        await standin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Discord on loopback.")
    parser.add_argument("--port", type=int, default=8901, help="0 for any free one")
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
