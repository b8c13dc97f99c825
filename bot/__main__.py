"""``python -m bot``: the same as ``./retake``, inside an installed environment."""

import os

from bot.cli import main

# The launcher says how it was started, so that help shows what people type.
main(prog_name=os.environ.get("RETAKE_COMMAND"))
