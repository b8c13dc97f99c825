"""What a stand-in downloads for itself, when many ask at once."""

import asyncio
from pathlib import Path

from sandbox.providers.fetch import Fetcher
from sandbox.providers.rules import EVOLINK, Mode
from sandbox.providers.submission import Submission
from tests.integration.providers.harness import as_base64, draw


async def test_what_has_its_name_is_whole_while_others_ask_for_it(tmp_path: Path) -> None:
    model = next(model for model in EVOLINK.values() if model.images is not None)
    # A picture with much behind it: quick to decode and slow to write.
    body = draw() + bytes(12 * 1024 * 1024)
    asked = Submission(model=model, mode=Mode.IMAGE, prompt="p", images=(as_base64(body),))
    written = asyncio.Event()

    def watch() -> set[int]:
        """Every size that a file with its final name was seen with."""
        sizes = set[int]()
        while True:
            over = written.is_set()
            sizes |= {path.stat().st_size for path in tmp_path.glob("*.image")}
            if over:
                return sizes

    watching = asyncio.create_task(asyncio.to_thread(watch))
    await asyncio.gather(*(Fetcher(tmp_path).gather(asked) for _ in range(4)))
    written.set()
    assert await watching == {len(body)}
    assert len(list(tmp_path.iterdir())) == 1
