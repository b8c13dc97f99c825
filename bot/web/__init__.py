"""The HTTP server: health, metrics and callbacks."""
