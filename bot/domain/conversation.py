"""A conversation: a tree of turns, each a generation that may edit an earlier one.

Owns the shape of the tree. A turn is a generation; there is no second record of it.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.ids import ChannelId, ConversationId, GuildId, UserId


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Where a chain of versions lives, who began it; ``versions`` is the highest number given."""

    id: ConversationId
    guild_id: GuildId
    channel_id: ChannelId
    owner_id: UserId
    private: bool
    title: str
    created_at: datetime
    thread_id: ChannelId | None = None
    versions: int = 0
