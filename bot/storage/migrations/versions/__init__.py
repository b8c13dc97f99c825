"""One module a step, numbered; a published step never changes."""
