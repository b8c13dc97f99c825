"""The exceptions of the libraries as ``JobError``."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av.error

from bot.media.jobs import Fault, JobError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_EXHAUSTED = frozenset({errno.ENOMEM, errno.EFBIG})


@contextmanager
def damaged() -> Iterator[None]:
    """Turn the errors of Pillow, PyAV and the disk into a ``JobError``."""
    try:
        yield
    except JobError:
        raise
    except MemoryError:
        raise JobError(Fault.EXHAUSTED, detail="memory") from None
    except (OSError, av.error.FFmpegError) as error:
        fault = Fault.DAMAGED
        if error.errno in _FULL:
            fault = Fault.DISK_FULL
        elif error.errno in _EXHAUSTED:
            fault = Fault.EXHAUSTED
        raise JobError(fault, detail=detail(error)) from error
    except (ArithmeticError, EOFError, LookupError, SyntaxError, TypeError, ValueError) as error:
        raise JobError(Fault.DAMAGED, detail=detail(error)) from error


def detail(error: Exception) -> str:
    """Return the text of an error for the log."""
    return repr(error)[:500]
