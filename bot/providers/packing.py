"""Unpacking of compressed bodies by their first bytes, whatever their ``Content-Encoding`` says.

Storage services set that header to ``aws-chunked``, ``utf-8`` or ``binary`` for plain bytes, or to
"gzip" for bytes that were unpacked on the way.
"""

import zlib
from collections.abc import Iterator

_GZIP = b"\x1f\x8b\x08"
_ZLIB = frozenset({b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"})
_SIGNATURE_BYTES = len(_GZIP)
_STEP = 256 * 1024


class Unpacker:
    """Passes the chunks of a body on, unpacked if the body begins like gzip or zlib.

    No picture, video or JSON begins like that.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._packed: zlib._Decompress | None = None
        self._broken = False

    @property
    def is_whole(self) -> bool:
        """``is_whole`` is true if a packed body was unpacked to its end, or for any other body."""
        return self._packed is None or (self._packed.eof and not self._broken)

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the content of a chunk, at most ``_STEP`` bytes at a time."""
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < _SIGNATURE_BYTES:
                self._head = chunk
                return
            self._begin(chunk)
        if self._packed is None:
            yield chunk
            return
        while chunk and not self._packed.eof and not self._broken:
            try:
                content = self._packed.decompress(chunk, _STEP)
            except zlib.error:
                self._broken = True
                return
            chunk = self._packed.unconsumed_tail
            if content:
                yield content

    def end(self) -> Iterator[bytes]:
        """Yield the rest of a body that is shorter than any signature."""
        if self._head:
            head, self._head = self._head, None
            yield head

    def _begin(self, start: bytes) -> None:
        self._head = None
        if start.startswith(_GZIP) or start[:2] in _ZLIB:
            self._packed = zlib.decompressobj(zlib.MAX_WBITS | 32)
