"""How Discord writes its objects down: the one place where the world becomes JSON.

Owns every object's shape and the content rule (what a bot without the message-content intent gets
to read). Must not change the world or decide who is told.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.components import walk
from sandbox.discord.permissions import ALL
from sandbox.discord.snowflakes import iso
from sandbox.discord.world import (
    Attachment,
    Channel,
    ChannelKind,
    Guild,
    Member,
    Message,
    MessageFlag,
    MessageKind,
    Role,
    User,
    World,
)

Json = dict[str, Any]


class Renderer:
    """Writes users, servers, channels, messages and files as Discord does."""

    def __init__(self, *, world: World, cdn: Cdn, application_id: str) -> None:
        self._world = world
        self._cdn = cdn
        self._application_id = application_id

    def user(self, user: User) -> Json:
        rendered: Json = {
            "id": user.id,
            "username": user.username,
            "global_name": user.global_name,
            "avatar": None,
            "discriminator": "0",
            "public_flags": 0,
            "flags": 0,
            "banner": None,
            "accent_color": int(user.color.removeprefix("#"), 16),
            "avatar_decoration_data": None,
            "collectibles": None,
            "primary_guild": None,
        }
        if user.bot:
            rendered["bot"] = True
        return rendered

    def me(self) -> Json:
        """The bot about itself."""
        return self.user(self._world.bot) | {
            "mfa_enabled": False,
            "locale": "en-US",
            "verified": True,
            "email": None,
        }

    def application(self) -> Json:
        owner = next(user for user in self._world.users.values() if not user.bot)
        return {
            "id": self._application_id,
            "name": self._world.bot.global_name,
            "icon": None,
            "description": "",
            "type": None,
            "bot": self.user(self._world.bot),
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 0,
            "flags_new": "0",
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "owner": self.user(owner),
            "approximate_guild_count": len(self._world.guilds),
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0,
            "team": None,
            "eligible_oauth2_scopes": [],
        }

    def role(self, role: Role) -> Json:
        return {
            "id": role.id,
            "name": role.name,
            "permissions": str(role.permissions.value),
            "position": role.position,
            "color": role.color,
            "colors": {
                "primary_color": role.color,
                "secondary_color": None,
                "tertiary_color": None,
            },
            "hoist": False,
            "managed": role.managed,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        }

    def member(self, member: Member, *, with_user: bool = True) -> Json:
        rendered: Json = {
            "avatar": None,
            "banner": None,
            "communication_disabled_until": None,
            "flags": 0,
            "joined_at": iso(member.joined_at),
            "nick": member.nick,
            "pending": False,
            "premium_since": None,
            "roles": list(member.roles),
            "mute": False,
            "deaf": False,
        }
        if with_user:
            rendered["user"] = self.user(self._world.users[member.user_id])
        return rendered

    def channel(self, channel: Channel, *, member_of: str | None = None) -> Json:
        """A channel; for a thread, with the membership of `member_of` when there is one."""
        if channel.kind is ChannelKind.DM:
            return {
                "id": channel.id,
                "type": channel.kind.value,
                "flags": 0,
                "last_message_id": channel.last_message_id,
                "recipients": [
                    self.user(self._world.users[user_id])
                    for user_id in channel.recipients
                    if user_id != self._world.bot_id
                ],
            }
        if channel.thread:
            return self._thread(channel, member_of)
        return {
            "id": channel.id,
            "type": channel.kind.value,
            "guild_id": channel.guild_id,
            "name": channel.name,
            "position": channel.position,
            "parent_id": channel.parent_id,
            "topic": channel.topic,
            "nsfw": False,
            "flags": 0,
            "rate_limit_per_user": channel.slowmode,
            "last_message_id": channel.last_message_id,
            "permission_overwrites": [
                {
                    "id": overwrite.id,
                    "type": 1 if overwrite.of_member else 0,
                    "allow": str(overwrite.allow.value),
                    "deny": str(overwrite.deny.value),
                }
                for overwrite in channel.overwrites.values()
            ],
        }

    def _thread(self, channel: Channel, member_of: str | None) -> Json:
        thread = channel.thread
        assert thread is not None
        metadata: Json = {
            "archived": thread.archived,
            "archive_timestamp": iso(thread.archived_at or thread.created_at),
            "auto_archive_duration": thread.auto_archive_minutes,
            "locked": thread.locked,
            "create_timestamp": iso(thread.created_at),
        }
        if thread.private:
            metadata["invitable"] = thread.invitable
        rendered: Json = {
            "id": channel.id,
            "type": channel.kind.value,
            "guild_id": channel.guild_id,
            "parent_id": channel.parent_id,
            "name": channel.name,
            "flags": 0,
            "owner_id": thread.owner_id,
            "last_message_id": channel.last_message_id,
            "rate_limit_per_user": channel.slowmode,
            "thread_metadata": metadata,
            "message_count": thread.message_count,
            "member_count": min(len(thread.members), 50),
            "total_message_sent": thread.message_count,
        }
        if member_of in thread.members:
            rendered["member"] = self.thread_member(channel, member_of)
        return rendered

    def thread_member(self, channel: Channel, user_id: str) -> Json:
        assert channel.thread is not None
        return {
            "id": channel.id,
            "user_id": user_id,
            "join_timestamp": iso(channel.thread.members[user_id]),
            "flags": 0,
        }

    def interaction_channel(self, channel: Channel, user_id: str) -> Json:
        """A channel as an interaction carries it: with the permissions of who acts."""
        rendered = self.channel(channel, member_of=self._world.bot_id)
        if channel.guild_id:
            rendered["permissions"] = str(self._world.allowed(user_id, channel).value)
        return rendered

    def guild(self, guild: Guild) -> Json:
        """A server as REST answers it."""
        return {
            "id": guild.id,
            "name": guild.name,
            "icon": None,
            "description": None,
            "home_header": None,
            "splash": None,
            "discovery_splash": None,
            "features": [],
            "banner": None,
            "owner_id": guild.owner_id,
            "application_id": None,
            "region": "deprecated",
            "afk_channel_id": None,
            "afk_timeout": 300,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "widget_enabled": False,
            "widget_channel_id": None,
            "verification_level": 0,
            "roles": [self.role(role) for role in guild.roles.values()],
            "default_message_notifications": 0,
            "mfa_level": 0,
            "explicit_content_filter": 0,
            "max_presences": None,
            "max_members": 500000,
            "max_stage_video_channel_users": 50,
            "max_video_channel_users": 25,
            "vanity_url_code": None,
            "premium_tier": guild.premium_tier,
            "premium_subscription_count": 0,
            "preferred_locale": "en-US",
            "rules_channel_id": None,
            "safety_alerts_channel_id": None,
            "public_updates_channel_id": None,
            "premium_progress_bar_enabled": False,
            "nsfw": False,
            "nsfw_level": 0,
            "emojis": [],
            "stickers": [],
            "incidents_data": None,
        }

    def guild_create(self, guild: Guild) -> Json:
        """A server as the gateway announces it to the bot."""
        bot = self._world.bot_id
        seen = [channel for channel in guild.channels.values() if self._world.sees(bot, channel)]
        return self.guild(guild) | {
            "joined_at": iso(guild.members[bot].joined_at),
            "large": False,
            "unavailable": False,
            "member_count": len(guild.members),
            "channels": [
                self.channel(channel) for channel in guild.channels.values() if not channel.thread
            ],
            "threads": [
                self.channel(channel, member_of=bot)
                for channel in seen
                if channel.thread and not channel.thread.archived
            ],
            "members": [self.member(guild.members[bot])],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def attachment(self, attachment: Attachment) -> Json:
        url = self._cdn.url(attachment)
        rendered: Json = {
            "id": attachment.id,
            "filename": attachment.filename,
            "size": attachment.size,
            "url": url,
            "proxy_url": url,
            "content_type": attachment.content_type,
        }
        if attachment.width:
            rendered |= {"width": attachment.width, "height": attachment.height}
        if attachment.description:
            rendered["description"] = attachment.description
        if attachment.ephemeral:
            rendered["ephemeral"] = True
        return rendered

    def message(
        self, message: Message, *, reads: Callable[[Message], bool] | None = None, depth: int = 0
    ) -> Json:
        """A message as REST answers it; `reads` says whose content the reader may see."""
        flags = message.flags
        channel = self._world.channels.get(message.channel_id)
        has_thread = message.id in self._world.channels
        if has_thread:
            flags |= MessageFlag.HAS_THREAD
        rendered: Json = {
            "id": message.id,
            "type": message.kind.value,
            "channel_id": message.channel_id,
            "author": self.user(self._world.users[message.author_id]),
            "content": message.content,
            "timestamp": iso(message.created_at),
            "edited_timestamp": iso(message.edited_at) if message.edited_at else None,
            "tts": False,
            "pinned": False,
            "flags": flags,
            "mention_everyone": message.mention_everyone,
            "mentions": [
                self.user(self._world.users[user_id])
                for user_id in message.mentions
                if user_id in self._world.users
            ],
            "mention_roles": list(message.mention_roles),
            "embeds": deepcopy(message.embeds),
            "components": self._components(message),
            "attachments": self._attachments(message),
        }
        if message.nonce is not None:
            rendered["nonce"] = message.nonce
        if message.interaction_id:
            rendered["webhook_id"] = self._application_id
        if message.interaction_id or message.author_id == self._world.bot_id:
            rendered["application_id"] = self._application_id
        if message.interaction_metadata:
            rendered["interaction_metadata"] = deepcopy(message.interaction_metadata)
        if channel and channel.thread:
            rendered["position"] = message.position
        if message.reference:
            rendered["message_reference"] = dict(message.reference)
        if message.kind in (MessageKind.REPLY, MessageKind.THREAD_STARTER_MESSAGE) and not depth:
            target = self._world.messages.get((message.reference or {}).get("message_id", ""))
            rendered["referenced_message"] = (
                self.message(target, reads=reads, depth=1) if target else None
            )
        if has_thread:
            rendered["thread"] = self.channel(self._world.channels[message.id])
        if reads is not None and not reads(message):
            rendered |= {"content": "", "embeds": [], "attachments": [], "components": []}
        return rendered

    def gateway_message(
        self, message: Message, *, reads: Callable[[Message], bool] | None = None
    ) -> Json:
        """A message as the gateway tells of it: with its server and its author's membership."""
        rendered = self.message(message, reads=reads)
        channel = self._world.channels[message.channel_id]
        rendered["channel_type"] = channel.kind.value
        if guild := self._world.guild_of(channel):
            rendered["guild_id"] = guild.id
            if member := guild.members.get(message.author_id):
                rendered["member"] = self.member(member, with_user=False)
            for mentioned in rendered["mentions"]:
                if member := guild.members.get(mentioned["id"]):
                    mentioned["member"] = self.member(member, with_user=False)
        return rendered

    def _attachments(self, message: Message) -> list[Json]:
        # What a V2 layout shows is left out of the list: it is in the layout.
        shown = set()
        if message.is_v2:
            shown = {media.get("attachment_id") for media in media_of(message.components)}
        return [self.attachment(file) for file in message.attachments if file.id not in shown]

    def _components(self, message: Message) -> list[Json]:
        components = deepcopy(message.components)
        files = {file.id: file for file in message.attachments}
        for media in media_of(components):
            file = files.get(media.get("attachment_id", ""))
            if file is None:
                continue
            url = self._cdn.url(file)
            media |= {
                "id": file.id,
                "url": url,
                "proxy_url": url,
                "width": file.width or 0,
                "height": file.height or 0,
                "content_type": file.content_type,
            }
        return components

    def app_permissions(self, channel: Channel) -> str:
        if channel.guild_id is None:
            return str(self._world.allowed(self._world.bot_id, channel).value)
        bits = self._world.allowed(self._world.bot_id, channel)
        return str((bits & ALL).value)


def media_of(components: list[Json]) -> list[Json]:
    """Every media object within a layout."""
    found = []
    for component in walk(components):
        if component["type"] == 12:
            found += [item["media"] for item in component["items"]]
        elif component["type"] == 11:
            found.append(component["media"])
        elif component["type"] == 13:
            found.append(component["file"])
    return found
