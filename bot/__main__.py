"""``python -m bot``: the same as ``./retake``, inside an installed environment."""

from bot.cli import main

main()
