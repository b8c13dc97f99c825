"""Discord's commands, menus, buttons and forms: a cog parses, calls a service, shows a card."""

EXTENSIONS = (
    "cogs.video",
    "cogs.edit",
    "cogs.jobs",
    "cogs.history",
    "cogs.quota",
    "cogs.limits",
    "cogs.help",
)
"""The cogs in the order they are loaded."""
