"""Messages of the bot: listed, read, sent, edited, deleted."""

from sandbox.discord.rules.access import may_write, reply_target
from sandbox.discord.rules.errors import (
    DiscordError,
    invalid,
    missing_access,
    missing_permissions,
    too_large,
)
from sandbox.discord.rules.restrictions import words_of
from sandbox.discord.state.models import Channel
from sandbox.discord.state.permissions import Permission
from sandbox.discord.wire.rest.call import Answer, Call, Route


def listed(call: Call) -> Answer:
    channel = call.channel()
    limit = _number(call.query.get("limit"), 50)
    if not 1 <= limit <= 100:
        raise invalid("NUMBER_TYPE_MAX", "int value should be between 1 and 100.", "limit")
    if not call.allowed(channel) & Permission.READ_MESSAGE_HISTORY:
        return 200, []
    ids = [message.id for message in channel.messages.values() if not message.ephemeral]
    query = call.query
    if "around" in query:
        pivot = _number(query["around"], 0)
        older = [item for item in ids if int(item) <= pivot][-(limit // 2 + 1) :]
        newer = [item for item in ids if int(item) > pivot][: limit // 2]
        ids = (older + newer)[-limit:]
    elif "after" in query:
        ids = [item for item in ids if int(item) > _number(query["after"], 0)][:limit]
    else:
        if "before" in query:
            ids = [item for item in ids if int(item) < _number(query["before"], 0)]
        ids = ids[-limit:]
    reads = call.messages.readable
    render = call.core.render
    return 200, [render.message(channel.messages[item], reads=reads) for item in reversed(ids)]


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal():
        raise invalid("NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.', "limit")
    return int(text)


def get(call: Call) -> Answer:
    channel = call.channel()
    if not call.allowed(channel) & Permission.READ_MESSAGE_HISTORY:
        raise missing_access()
    message = call.message(channel)
    return 200, call.core.render.message(message, reads=call.messages.readable)


def check_sizes(call: Call, channel: Channel) -> None:
    """Discord's limit is per file and depends on the server."""
    limit = call.core.world.largest_upload(channel)
    if any(upload.size > limit for upload in call.body.uploads.values()):
        raise too_large()


def create(call: Call) -> Answer:
    channel, messages, body = call.channel(), call.messages, call.json
    world, restrictions = call.core.world, call.core.restrictions
    files, embeds = bool(call.body.uploads), bool(body.get("embeds"))
    may_write(world, channel, call.bot_id, files=files, embeds=embeds)
    restrictions.check_write(channel.id, channel.guild_id, files=files)
    check_sizes(call, channel)
    nonce = body.get("nonce")
    if isinstance(nonce, str) and len(nonce) > 25:
        raise invalid("NONCE_TYPE_TOO_LONG", "Nonce must be 25 or fewer characters.", "nonce")
    if nonce is not None and body.get("enforce_nonce"):
        first = messages.by_nonce(call.bot_id, channel.id, nonce)
        if first:
            return 200, call.core.render.message(first)
    draft = call.core.rules.draft(body, call.body.uploads, channel_id=channel.id)
    restrictions.check_words(channel.guild_id, words_of(draft.content, draft.components))
    if draft.attachments and restrictions.loses_files():
        draft.attachments = []
    given = body.get("message_reference")
    reference, target = reply_target(world, channel, call.bot_id, given)
    message = messages.create(
        channel, call.bot_id, draft, reference=reference, replied_to=target, nonce=nonce
    )
    return 200, call.core.render.message(message)


def edit(call: Call) -> Answer:
    channel = call.channel()
    message = call.message(channel)
    if message.author_id != call.bot_id:
        raise DiscordError(403, 50005, "Cannot edit a message authored by another user")
    if channel.thread and channel.thread.archived:
        raise DiscordError(400, 50083, "Thread is archived")
    check_sizes(call, channel)
    draft = call.core.rules.draft(
        call.body.data, call.body.uploads, channel_id=channel.id, editing=message
    )
    words = words_of(draft.content, draft.components)
    call.core.restrictions.check_words(channel.guild_id, words)
    return 200, call.core.render.message(call.messages.edit(message, draft))


def delete(call: Call) -> Answer:
    channel = call.channel()
    message = call.message(channel)
    if message.author_id != call.bot_id:
        if channel.guild_id is None:
            raise DiscordError(403, 50003, "Cannot execute action on a DM channel")
        if not call.allowed(channel) & Permission.MANAGE_MESSAGES:
            raise missing_permissions()
    if channel.thread and channel.thread.archived:
        raise DiscordError(400, 50083, "Thread is archived")
    call.messages.delete(message)
    return 204, None


ONE = "/channels/{channel_id}/messages/{message_id}"
ROUTES = [
    Route(method="GET", template="/channels/{channel_id}/messages", handler=listed),
    Route(method="POST", template="/channels/{channel_id}/messages", handler=create),
    Route(method="GET", template=ONE, handler=get),
    Route(method="PATCH", template=ONE, handler=edit),
    Route(method="DELETE", template=ONE, handler=delete),
]
