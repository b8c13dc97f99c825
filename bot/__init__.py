"""Retake: a self-hosted Discord bot that makes and edits short AI videos by conversation."""

__version__ = "0.1.0"
