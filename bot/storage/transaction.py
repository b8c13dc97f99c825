"""All queries of one transaction in one place."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.conversations import SqlConversations
from bot.storage.durations import SqlDurations
from bot.storage.generations import SqlGenerations
from bot.storage.guilds import SqlGuilds
from bot.storage.ledger import SqlLedger
from bot.storage.unreadable import SetAside
from bot.storage.workers import SqlWorkers


class SqlTransaction:
    """The queries on one connection. They are valid as long as its transaction."""

    def __init__(self, connection: AsyncConnection, set_aside: SetAside) -> None:
        self.generations = SqlGenerations(connection, set_aside)
        self.conversations = SqlConversations(connection)
        self.ledger = SqlLedger(connection)
        self.guilds = SqlGuilds(connection, set_aside)
        self.workers = SqlWorkers(connection)
        self.durations = SqlDurations(connection)
