"""Queries about conversations: the counters of their versions.

The turns of a conversation are generations, with queries of their own.
"""

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.ids import ConversationId
from bot.storage.tables import conversations

_ADD = insert(conversations)
_NEXT_VERSION = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation_id"))
    .values(versions=conversations.c.versions + 1)
    .returning(conversations.c.versions)
)


class SqlConversations:
    """Rows of conversations, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, conversation_id: ConversationId) -> None:
        await self._connection.execute(_ADD, {"id": conversation_id, "versions": 0})

    async def next_version(self, conversation_id: ConversationId) -> int:
        """Increment the version counter and return it.

        Raises:
            LookupError: there is no such conversation.
        """
        values = {"conversation_id": conversation_id}
        version = (await self._connection.execute(_NEXT_VERSION, values)).scalar()
        if version is None:
            raise LookupError(f"no conversation {conversation_id}")
        return version
