"""The database: SQLite for one process, PostgreSQL for many, behind the storage port.

Owns every line of SQL. Knows nothing of Discord, of gateways or of what a step means.
"""

from bot.storage.engine import SqlStorage, backup, look_into, migrate, open_storage

__all__ = ["SqlStorage", "backup", "look_into", "migrate", "open_storage"]
