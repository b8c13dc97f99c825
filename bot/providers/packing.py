"""What a body really is, whatever its ``Content-Encoding`` says.

Storage services keep odd words in that header (``aws-chunked``, ``utf-8``, ``binary``) over plain
bytes, or "gzip" over bytes that were unpacked on the way. Owns the decision by the first bytes.
"""

import zlib
from collections.abc import Iterator

_GZIP = b"\x1f\x8b\x08"
_ZLIB = frozenset({b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"})
_LONGEST_MARK = len(_GZIP)
_STEP = 256 * 1024


class Unpacker:
    """Passes the chunks of a body on, unpacked if the body begins as gzip or zlib does.

    Neither a picture, a video nor JSON begins like that.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._packed: zlib._Decompress | None = None
        self._broken = False

    @property
    def is_whole(self) -> bool:
        """Whether a packed body was unpacked to its end; true for any other body."""
        return self._packed is None or (self._packed.eof and not self._broken)

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the content of a chunk, at most ``_STEP`` bytes at a time."""
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < _LONGEST_MARK:
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
        """Yield what was kept back of a body that is shorter than any mark."""
        if self._head:
            head, self._head = self._head, None
            yield head

    def _begin(self, start: bytes) -> None:
        self._head = None
        if start.startswith(_GZIP) or start[:2] in _ZLIB:
            self._packed = zlib.decompressobj(zlib.MAX_WBITS | 32)
