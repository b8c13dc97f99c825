"""Being looked after: logs, figures, health, and the HTTP side door."""
