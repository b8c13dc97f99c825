"""Queries about conversations. Their turns are generations and are asked for there."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.conversation import Conversation
from bot.domain.ids import ConversationId
from bot.storage.tables import conversations

_ADD = insert(conversations)
_BY_ID = select(conversations).where(conversations.c.id == bindparam("conversation_id"))
_NEXT_VERSION = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation_id"))
    .values(versions=conversations.c.versions + 1)
    .returning(conversations.c.versions)
)
_SET_THREAD = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation_id"))
    .values(thread_id=bindparam("new_thread_id"))
)


class SqlConversations:
    """Rows of conversations, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, conversation: Conversation) -> None:
        """Insert."""
        await self._connection.execute(_ADD, asdict(conversation))

    async def get(self, conversation_id: ConversationId) -> Conversation | None:
        """One conversation."""
        values = {"conversation_id": conversation_id}
        row = (await self._connection.execute(_BY_ID, values)).first()
        if row is None:
            return None
        fields: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name of it)
        return Conversation(**fields)

    async def next_version(self, conversation_id: ConversationId) -> int:
        """Count one version up and return it.

        Raises:
            LookupError: there is no such conversation.
        """
        values = {"conversation_id": conversation_id}
        version = (await self._connection.execute(_NEXT_VERSION, values)).scalar()
        if version is None:
            raise LookupError(f"no conversation {conversation_id}")
        return version

    async def set_thread(self, conversation_id: ConversationId, thread_id: int) -> None:
        """Remember the thread once it exists."""
        values = {"conversation_id": conversation_id, "new_thread_id": thread_id}
        await self._connection.execute(_SET_THREAD, values)
