"""Discord's gateway: sessions, sequence numbers, replay after a drop, close codes.

Owns the WebSocket conversation with the bot. Must not know what an event means; `dispatch`ed events
arrive here already decided, and are written down per session.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from sandbox.discord.render import Json

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

HEARTBEAT_SECONDS = 41.25
REPLAY = 5000
RESUMABLE_SECONDS = 300
COMMANDS_PER_MINUTE = 120


class Op(IntEnum):
    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE_STATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Intent(IntFlag):
    NONE = 0
    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
KNOWN_INTENTS = (1 << 27) - 1


class Close(IntEnum):
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    INVALID_SEQ = 4007
    RATE_LIMITED = 4008
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010
    INVALID_API_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


class Hangup(Exception):
    """This conversation ends with a close code."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


class Session:
    """One identified bot session: outlives its socket, so that it can be resumed."""

    def __init__(self, intents: Intent) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.seq = 0
        self.replay: deque[tuple[int, str]] = deque(maxlen=REPLAY)
        self.line: Line | None = None
        self.lost_at = 0.0

    def dispatch(self, type: str, data: object) -> None:
        self.seq += 1
        frame = json.dumps({"op": 0, "s": self.seq, "t": type, "d": data})
        self.replay.append((self.seq, frame))
        if self.line:
            self.line.put(frame)


class Line:
    """One open socket: what is to be sent goes through its queue, so senders never wait."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.request = request
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.session: Session | None = None
        self.heard: deque[float] = deque(maxlen=COMMANDS_PER_MINUTE)

    def put(self, frame: str | None) -> None:
        self.queue.put_nowait(frame)

    def say(self, op: Op, data: object = None) -> None:
        self.put(json.dumps({"op": op.value, "s": None, "t": None, "d": data}))

    async def write(self) -> None:
        while (frame := await self.queue.get()) is not None:
            if self.socket.closed:
                return
            try:
                await self.socket.send_str(frame)
            except ConnectionError:
                return

    def cut(self) -> None:
        """The connection is gone from one moment to the next."""
        if self.request.transport:
            self.request.transport.abort()


class Gateway:
    """Accepts the bot's sockets and hands events to its sessions."""

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin
        self._sessions: dict[str, Session] = {}
        self._lines: set[Line] = set()
        self._refuse_until = 0.0
        self.allowed_privileged = Intent.NONE

    @property
    def online(self) -> bool:
        return any(session.line for session in self._sessions.values())

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/gateway", self._connect)
        app.router.add_get("/gateway/", self._connect)

    def send(
        self,
        type: str,
        view: Callable[[Session], Json],
        *,
        intent: Intent = Intent.NONE,
    ) -> None:
        """An event for every session that has asked for its kind."""
        for session in list(self._sessions.values()):
            if self._expired(session):
                del self._sessions[session.id]
            elif not intent or session.intents & intent:
                session.dispatch(type, view(session))

    def _expired(self, session: Session) -> bool:
        if session.line:
            return False
        return self._standin.clock() - session.lost_at > RESUMABLE_SECONDS

    # What a test or a person behind the scenes may do to the connection.

    def ask_to_reconnect(self) -> None:
        for line in list(self._lines):
            line.say(Op.RECONNECT)

    def invalidate(self, *, resumable: bool) -> None:
        for line in list(self._lines):
            if line.session and not resumable:
                self._forget(line.session)
            line.say(Op.INVALID_SESSION, resumable)

    def drop(self, *, resumable: bool) -> None:
        if not resumable:
            self._sessions.clear()
        for line in list(self._lines):
            line.cut()

    def refuse(self, seconds: float) -> None:
        self._refuse_until = self._standin.clock() + seconds

    def close(self) -> None:
        for line in list(self._lines):
            line.put(None)
            line.cut()

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)

    # The conversation.

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if self._standin.clock() < self._refuse_until:
            return web.Response(status=503, text="upstream connect error")
        socket = web.WebSocketResponse(max_msg_size=16 * 1024, compress=False, timeout=1.0)
        await socket.prepare(request)
        line = Line(socket, request)
        self._lines.add(line)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(line.write())
                try:
                    if request.query.get("v", "10") not in ("9", "10"):
                        raise Hangup(Close.INVALID_API_VERSION)
                    await self._converse(line)
                except Hangup as end:
                    await socket.close(code=end.code, message=end.code.name.encode())
                finally:
                    line.put(None)
                    writer.cancel()
        finally:
            self._lines.discard(line)
            self._lost(line)
        return socket

    def _lost(self, line: Line) -> None:
        session = line.session
        if session is None or session.line is not line:
            return
        session.line = None
        session.lost_at = self._standin.clock()
        if line.socket.close_code in (1000, 1001):
            # The bot said goodbye: its session is over.
            self._forget(session)
        self._standin.bot_presence_changed()

    async def _converse(self, line: Line) -> None:
        line.say(
            Op.HELLO,
            {"heartbeat_interval": int(HEARTBEAT_SECONDS * 1000), "_trace": ["sandbox"]},
        )
        while True:
            try:
                frame = await line.socket.receive(timeout=HEARTBEAT_SECONDS * 2)
            except TimeoutError:
                raise Hangup(Close.SESSION_TIMED_OUT) from None
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            now = asyncio.get_running_loop().time()
            if len(line.heard) == line.heard.maxlen and now - line.heard[0] < 60:
                raise Hangup(Close.RATE_LIMITED)
            line.heard.append(now)
            try:
                payload = json.loads(frame.data)
                op, data = payload["op"], payload.get("d")
            except (ValueError, KeyError, TypeError):
                raise Hangup(Close.DECODE_ERROR) from None
            await self._hear(line, op, data)

    async def _hear(self, line: Line, op: Any, data: Any) -> None:
        if op == Op.HEARTBEAT:
            line.say(Op.HEARTBEAT_ACK)
            return
        if op in (Op.IDENTIFY, Op.RESUME) and not isinstance(data, dict):
            raise Hangup(Close.DECODE_ERROR)
        if op == Op.IDENTIFY:
            self._identify(line, data)
        elif op == Op.RESUME:
            self._resume(line, data)
        elif line.session is None:
            raise Hangup(Close.NOT_AUTHENTICATED)
        elif op == Op.REQUEST_MEMBERS:
            self._members(line.session, data or {})
        elif op not in (Op.PRESENCE, Op.VOICE_STATE):
            raise Hangup(Close.UNKNOWN_OPCODE)

    def _identify(self, line: Line, data: Json) -> None:
        if line.session:
            raise Hangup(Close.ALREADY_AUTHENTICATED)
        if data.get("token") != self._standin.token:
            raise Hangup(Close.AUTHENTICATION_FAILED)
        if data.get("shard", [0, 1]) != [0, 1]:
            raise Hangup(Close.INVALID_SHARD)
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN_INTENTS:
            raise Hangup(Close.INVALID_INTENTS)
        if Intent(intents) & PRIVILEGED & ~self.allowed_privileged:
            raise Hangup(Close.DISALLOWED_INTENTS)
        session = Session(Intent(intents))
        self._sessions[session.id] = session
        self._take(line, session)
        self._greet(session)
        self._standin.bot_presence_changed()

    def _take(self, line: Line, session: Session) -> None:
        if session.line and session.line is not line:
            session.line.cut()
        session.line = line
        line.session = session

    def _greet(self, session: Session) -> None:
        world, render = self._standin.world, self._standin.render
        guilds = [guild for guild in world.guilds.values() if world.bot_id in guild.members]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": render.me(),
                "guilds": [{"id": guild.id, "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "resume_gateway_url": self._standin.gateway_url,
                "session_type": "normal",
                "shard": [0, 1],
                "private_channels": [],
                "relationships": [],
                "user_settings": {},
                "application": {"id": self._standin.application_id, "flags": 0},
            },
        )
        if session.intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", render.guild_create(guild))

    def _resume(self, line: Line, data: Json) -> None:
        if line.session:
            raise Hangup(Close.ALREADY_AUTHENTICATED)
        if data.get("token") != self._standin.token:
            raise Hangup(Close.AUTHENTICATION_FAILED)
        session = self._sessions.get(str(data.get("session_id")))
        seq = data.get("seq")
        if session is None or self._expired(session):
            line.say(Op.INVALID_SESSION, False)
            return
        if not isinstance(seq, int) or seq > session.seq:
            raise Hangup(Close.INVALID_SEQ)
        if session.replay and session.replay[0][0] > seq + 1:
            self._forget(session)
            line.say(Op.INVALID_SESSION, False)
            return
        self._take(line, session)
        for number, frame in session.replay:
            if number > seq:
                line.put(frame)
        session.dispatch("RESUMED", {"_trace": ["sandbox"]})
        self._standin.bot_presence_changed()

    def _members(self, session: Session, data: Json) -> None:
        guild = self._standin.world.guilds.get(str(data.get("guild_id")))
        if guild is None:
            return
        wanted = data.get("user_ids")
        if wanted is not None:
            wanted = {str(item) for item in (wanted if isinstance(wanted, list) else [wanted])}
        elif not session.intents & Intent.GUILD_MEMBERS:
            raise Hangup(Close.DISALLOWED_INTENTS)
        found = [
            self._standin.render.member(member)
            for member in guild.members.values()
            if wanted is None or member.user_id in wanted
        ]
        chunk: Json = {"guild_id": guild.id, "members": found, "chunk_index": 0, "chunk_count": 1}
        if wanted is not None:
            chunk["not_found"] = sorted(wanted - set(guild.members))
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)
