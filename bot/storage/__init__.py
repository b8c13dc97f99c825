"""The database: SQLite for one process, PostgreSQL for many, behind the storage port.

This package owns every line of SQL. It knows nothing of Discord, providers or steps.
"""

from bot.storage.engine import SqlStorage, backup, look_into, migrate, open_storage

__all__ = ["SqlStorage", "backup", "look_into", "migrate", "open_storage"]
