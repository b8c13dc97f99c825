"""Writes one film in a process of its own, which can be ended at any time.

Reads what to write as JSON from its standard input, and works in the current folder.
"""

import json
import sys
from pathlib import Path

from sandbox.clips.footage import Encoding, FilmError, write


def main() -> None:
    """Write the film; a message and status 1 when that does not work."""
    order = json.load(sys.stdin)
    try:
        write(Path(order["path"]), order["graph"], Encoding(**order["encoding"]))
    except FilmError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
