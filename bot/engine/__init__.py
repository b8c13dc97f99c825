"""The engine: it takes generations through their lifecycle, one committed step at a time."""
