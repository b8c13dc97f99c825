"""`python -m sandbox.providers --port N`: the provider stand-ins alone, on loopback."""

import argparse
import asyncio
import contextlib
import logging
from pathlib import Path

from aiohttp import web

from sandbox.providers import APIMART_KEY, EVOLINK_KEY, Providers


async def serve(port: int, directory: Path) -> None:
    """Run until interrupted."""
    providers = Providers(directory=directory, allow_insecure_callbacks=True)
    app = web.Application()
    providers.mount(app)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        providers.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        log = logging.getLogger("sandbox.providers")
        log.info("EvoLink  %s/evolink   key %s", providers.base_url, EVOLINK_KEY)
        log.info("APIMart  %s/apimart   key %s", providers.base_url, APIMART_KEY)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.providers", description=__doc__)
    parser.add_argument("--port", type=int, default=8901, help="0 takes any free port")
    parser.add_argument("--directory", type=Path, default=Path("data/sandbox/providers"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.directory))


if __name__ == "__main__":
    main()
