"""Discord's gateway: the conversation with the bot over its WebSocket.

Owns identifying, resuming, heartbeats and hanging up. Must not know what an event means: events
arrive here already decided. What a session and a line are is in `sessions`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.discord.core import Core
from sandbox.discord.state.sessions import (
    ACK_SECONDS,
    HEARTBEAT_SECONDS,
    KNOWN_INTENTS,
    PRIVILEGED,
    Close,
    CloseConnection,
    Connection,
    Intent,
    Op,
    Session,
)

Json = dict[str, Any]


class Gateway:
    """Accepts the bot's sockets and joins each to its session."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sessions = core.sessions
        self._connections: set[Connection] = set()
        self._refuse_until = 0.0
        self._was_online = False

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/gateway", self._connect)
        app.router.add_get("/gateway/", self._connect)

    # What a test or a person behind the scenes may do to the connection.

    def ask_to_reconnect(self) -> None:
        for connection in list(self._connections):
            connection.say(Op.RECONNECT)

    def invalidate(self, *, resumable: bool) -> None:
        for connection in list(self._connections):
            if connection.session and not resumable:
                self._sessions.forget(connection.session)
            connection.say(Op.INVALID_SESSION, resumable)

    def drop(self, *, resumable: bool) -> None:
        if not resumable:
            self._sessions.clear()
        for connection in list(self._connections):
            connection.cut()

    def refuse(self, seconds: float) -> None:
        self._refuse_until = self._core.clock() + seconds

    def close(self) -> None:
        for connection in list(self._connections):
            connection.put(None)
            connection.cut()

    def _publish_presence(self) -> None:
        online = self._sessions.online
        if online != self._was_online:
            self._was_online = online
            self._core.publish("BOT", {"id": self._core.world.bot_id, "online": online})

    # The conversation.

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if self._core.clock() < self._refuse_until:
            return web.Response(status=503, text="upstream connect error")
        socket = web.WebSocketResponse(max_msg_size=16 * 1024, compress=False, timeout=1.0)
        await socket.prepare(request)
        connection = Connection(socket, request)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(connection.write())
                try:
                    await self._converse(connection)
                except CloseConnection as end:
                    await socket.close(code=end.code, message=end.code.name.encode())
                finally:
                    connection.put(None)
                    writer.cancel()
        finally:
            self._connections.discard(connection)
            self._lost(connection)
        return socket

    def _lost(self, connection: Connection) -> None:
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        session.lost_at = self._core.clock()
        if connection.socket.close_code in (1000, 1001):
            # The bot said goodbye: its session is over.
            self._sessions.forget(session)
        self._publish_presence()

    async def _converse(self, connection: Connection) -> None:
        if connection.request.query.get("v", "10") not in {"9", "10"}:
            raise CloseConnection(Close.INVALID_API_VERSION)
        connection.say(
            Op.HELLO,
            {"heartbeat_interval": int(HEARTBEAT_SECONDS * 1000), "_trace": ["sandbox"]},
        )
        while True:
            try:
                frame = await connection.socket.receive(timeout=HEARTBEAT_SECONDS * 2)
            except TimeoutError:
                raise CloseConnection(Close.SESSION_TIMED_OUT) from None
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            now = asyncio.get_running_loop().time()
            if len(connection.heard) == connection.heard.maxlen and now - connection.heard[0] < 60:
                raise CloseConnection(Close.RATE_LIMITED)
            connection.heard.append(now)
            payload = _payload(frame.data)
            await self._hear(connection, payload["op"], payload.get("d"))

    async def _hear(self, connection: Connection, op: Any, data: Any) -> None:
        if op == Op.HEARTBEAT:
            # No network is this fast: the library notes when it sent a beat only after sending it,
            # and an answer that is there before that looks a whole interval late to it.
            asyncio.get_running_loop().call_later(ACK_SECONDS, connection.say, Op.HEARTBEAT_ACK)
            return
        if op in (Op.IDENTIFY, Op.RESUME) and not isinstance(data, dict):
            raise CloseConnection(Close.DECODE_ERROR)
        if op == Op.IDENTIFY:
            self._identify(connection, data)
        elif op == Op.RESUME:
            self._resume(connection, data)
        elif connection.session is None:
            raise CloseConnection(Close.NOT_AUTHENTICATED)
        elif op == Op.REQUEST_MEMBERS:
            self._members(connection.session, data or {})
        elif op not in (Op.PRESENCE, Op.VOICE_STATE):
            raise CloseConnection(Close.UNKNOWN_OPCODE)

    def _identify(self, connection: Connection, data: Json) -> None:
        if connection.session:
            raise CloseConnection(Close.ALREADY_AUTHENTICATED)
        if data.get("token") != self._core.token:
            raise CloseConnection(Close.AUTHENTICATION_FAILED)
        if data.get("shard", [0, 1]) != [0, 1]:
            raise CloseConnection(Close.INVALID_SHARD)
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN_INTENTS:
            raise CloseConnection(Close.INVALID_INTENTS)
        if Intent(intents) & PRIVILEGED:
            raise CloseConnection(Close.DISALLOWED_INTENTS)
        session = Session(Intent(intents))
        self._sessions.add(session)
        self._take(connection, session)
        self._greet(session)
        self._publish_presence()

    def _take(self, connection: Connection, session: Session) -> None:
        if session.connection and session.connection is not connection:
            session.connection.cut()
        session.connection = connection
        connection.session = session

    def _greet(self, session: Session) -> None:
        world, render = self._core.world, self._core.render
        guilds = [guild for guild in world.guilds.values() if world.bot_id in guild.members]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": render.me(),
                "guilds": [{"id": guild.id, "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "resume_gateway_url": self._core.gateway_url,
                "session_type": "normal",
                "shard": [0, 1],
                "private_channels": [],
                "relationships": [],
                "user_settings": {},
                "application": {"id": self._core.application_id, "flags": 0},
            },
        )
        if session.intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", render.guild_create(guild))

    def _resume(self, connection: Connection, data: Json) -> None:
        if connection.session:
            raise CloseConnection(Close.ALREADY_AUTHENTICATED)
        if data.get("token") != self._core.token:
            raise CloseConnection(Close.AUTHENTICATION_FAILED)
        session = self._sessions.get(str(data.get("session_id")))
        seq = data.get("seq")
        if session is None:
            connection.say(Op.INVALID_SESSION, False)
            return
        if not isinstance(seq, int) or seq > session.seq:
            raise CloseConnection(Close.INVALID_SEQ)
        if session.replay and session.replay[0][0] > seq + 1:
            self._sessions.forget(session)
            connection.say(Op.INVALID_SESSION, False)
            return
        self._take(connection, session)
        for number, frame in session.replay:
            if number > seq:
                connection.put(frame)
        session.dispatch("RESUMED", {"_trace": ["sandbox"]})
        self._publish_presence()

    def _members(self, session: Session, data: Json) -> None:
        guild = self._core.world.guilds.get(str(data.get("guild_id")))
        if guild is None:
            return
        wanted = data.get("user_ids")
        if wanted is None:
            # All members need a privileged intent, which no session has.
            raise CloseConnection(Close.DISALLOWED_INTENTS)
        wanted = {str(item) for item in (wanted if isinstance(wanted, list) else [wanted])}
        found = [
            self._core.render.member(member)
            for member in guild.members.values()
            if member.user_id in wanted
        ]
        chunk: Json = {
            "guild_id": guild.id,
            "members": found,
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": sorted(wanted - set(guild.members)),
        }
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)


def _payload(raw: str | bytes) -> Json:
    try:
        payload = json.loads(raw)
    except ValueError:
        raise CloseConnection(Close.DECODE_ERROR) from None
    if not isinstance(payload, dict) or "op" not in payload:
        raise CloseConnection(Close.DECODE_ERROR)
    return payload
