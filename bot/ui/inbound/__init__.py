"""From Discord's events to calls of the services."""
