"""What the world holds: users, servers, channels, threads, messages and files.

Owns the shape of each. Must not know how one finds another (`world`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from sandbox.discord.state.permissions import NOTHING, Permission

MIB = 1024 * 1024
UPLOAD_LIMITS = {0: 10 * MIB, 1: 10 * MIB, 2: 50 * MIB, 3: 100 * MIB}


class ChannelKind(IntEnum):
    TEXT = 0
    DM = 1
    VOICE = 2
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


HOLDS_THREADS = frozenset({ChannelKind.TEXT, ChannelKind.ANNOUNCEMENT})
"""Where a thread can be made from a message. In forums and media channels a post is one."""
HOLDS_POSTS = frozenset({ChannelKind.FORUM, ChannelKind.MEDIA})
SPOKEN = frozenset({ChannelKind.VOICE, ChannelKind.STAGE})


class MessageKind(IntEnum):
    DEFAULT = 0
    RECIPIENT_ADD = 1
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23


class MessageFlag:
    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    HAS_SNAPSHOT = 1 << 14
    COMPONENTS_V2 = 1 << 15


@dataclass(kw_only=True)
class User:
    id: str
    username: str
    global_name: str | None
    color: str
    bot: bool = False
    dms_open: bool = True


@dataclass(kw_only=True)
class Role:
    id: str
    name: str
    permissions: Permission
    color: int = 0
    position: int = 0
    managed: bool = False


@dataclass(kw_only=True)
class Member:
    user_id: str
    joined_at: float
    nick: str | None = None
    roles: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Overwrite:
    id: str
    of_member: bool
    allow: Permission = NOTHING
    deny: Permission = NOTHING


@dataclass(kw_only=True)
class Guild:
    id: str
    name: str
    owner_id: str
    premium_tier: int = 0
    upload_limit: int | None = None
    system_channel_id: str | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)

    @property
    def largest_upload(self) -> int:
        return self.upload_limit or UPLOAD_LIMITS[self.premium_tier]


@dataclass(kw_only=True)
class Thread:
    owner_id: str
    private: bool
    created_at: float
    archived: bool = False
    archived_at: float = 0.0
    locked: bool = False
    invitable: bool = True
    auto_archive_minutes: int = 1440
    members: dict[str, float] = field(default_factory=dict)
    message_count: int = 0


@dataclass(kw_only=True)
class Channel:
    id: str
    kind: ChannelKind
    name: str | None
    guild_id: str | None
    parent_id: str | None = None
    position: int = 0
    topic: str | None = None
    slowmode: int = 0
    overwrites: dict[str, Overwrite] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    thread: Thread | None = None
    last_message_id: str | None = None
    messages: dict[str, Message] = field(default_factory=dict)


@dataclass(kw_only=True)
class Attachment:
    id: str
    channel_id: str
    filename: str
    size: int
    content_type: str
    path: Path
    width: int | None = None
    height: int | None = None
    description: str | None = None
    ephemeral: bool = False


@dataclass(kw_only=True)
class Sticker:
    id: str
    name: str
    # PNG 1, APNG 2, Lottie 3, GIF 4, as Discord numbers them.
    format_type: int
    path: Path


@dataclass(kw_only=True)
class Message:
    id: str
    channel_id: str
    author_id: str
    kind: MessageKind = MessageKind.DEFAULT
    content: str = ""
    flags: int = 0
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    stickers: list[Sticker] = field(default_factory=list)
    # What a forwarded message shows: a copy of the other one as it was.
    snapshot: Message | None = None
    mentions: list[str] = field(default_factory=list)
    mention_roles: list[str] = field(default_factory=list)
    mention_everyone: bool = False
    reference: dict[str, Any] | None = None
    nonce: str | int | None = None
    created_at: float = 0.0
    edited_at: float | None = None
    position: int = 0
    old_edits: list[float] = field(default_factory=list)
    # An answer to an interaction: made through its webhook, perhaps for one person's eyes only.
    interaction_id: str | None = None
    interaction_metadata: dict[str, Any] | None = None
    visible_to: str | None = None

    @property
    def ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def is_v2(self) -> bool:
        return bool(self.flags & MessageFlag.COMPONENTS_V2)
