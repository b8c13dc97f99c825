"""The gateway's sessions: sequence numbers, what is kept for a replay, and the lines they speak on.

Owns operation codes, intents and close codes. Must not know the conversation (`gateway`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag

from aiohttp import web

HEARTBEAT_SECONDS = 41.25
ACK_SECONDS = 0.02
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


class CloseConnection(Exception):
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
        self.connection: Connection | None = None
        self.lost_at = 0.0

    def dispatch(self, name: str, data: object) -> None:
        self.seq += 1
        frame = json.dumps({"op": 0, "s": self.seq, "t": name, "d": data})
        self.replay.append((self.seq, frame))
        if self.connection:
            self.connection.put(frame)


class Sessions:
    """Every session that is connected, or may still be resumed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_id: dict[str, Session] = {}

    @property
    def online(self) -> bool:
        return any(session.connection for session in self._by_id.values())

    def add(self, session: Session) -> None:
        self._by_id[session.id] = session

    def get(self, session_id: str) -> Session | None:
        session = self._by_id.get(session_id)
        return None if session is None or self._expired(session) else session

    def forget(self, session: Session) -> None:
        self._by_id.pop(session.id, None)

    def clear(self) -> None:
        self._by_id.clear()

    def send(self, name: str, data: object, *, intent: Intent = Intent.NONE) -> None:
        """Send an event to every session that asked for its kind; without an intent, to all."""
        for session in list(self._by_id.values()):
            if self._expired(session):
                self.forget(session)
            elif not intent or session.intents & intent:
                session.dispatch(name, data)

    def _expired(self, session: Session) -> bool:
        return not session.connection and self._clock() - session.lost_at > RESUMABLE_SECONDS


class Connection:
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
