"""Discord, inwards: each cog parses what people do, calls a service and shows what it answers."""

EXTENSIONS = ("cogs.video", "cogs.edit", "cogs.jobs", "cogs.history", "cogs.quota", "cogs.limits")
"""The cogs in the order they are loaded."""
