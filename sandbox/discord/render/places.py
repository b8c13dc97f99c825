"""How Discord writes down users, roles, members, channels, threads and servers.

Owns their shapes. Must not know about messages (`render`), nor change anything.
"""

from __future__ import annotations

from typing import Any

from sandbox.discord.state.models import (
    HOLDS_POSTS,
    SPOKEN,
    Channel,
    ChannelKind,
    Guild,
    Member,
    Role,
    User,
)
from sandbox.discord.state.snowflakes import iso
from sandbox.discord.state.world import World

Json = dict[str, Any]


class PlaceRenderer:
    """Writes people and places as Discord does."""

    def __init__(self, *, world: World, application_id: str) -> None:
        self._world = world
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
            **self._of_its_kind(channel),
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

    def _of_its_kind(self, channel: Channel) -> Json:
        if channel.kind in SPOKEN:
            return {"bitrate": 64_000, "user_limit": 0, "rtc_region": None}
        if channel.kind in HOLDS_POSTS:
            return {
                "topic": channel.topic,
                "available_tags": [],
                "default_reaction_emoji": None,
                "default_sort_order": None,
                "default_forum_layout": 0,
            }
        return {"topic": channel.topic}

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
            "system_channel_id": guild.system_channel_id,
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

    def app_permissions(self, channel: Channel) -> str:
        return str(self._world.allowed(self._world.bot_id, channel).value)
