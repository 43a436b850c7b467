"""When a file was made: the one time of a file that no copy carries along."""

import ctypes
import os
import struct
from functools import cache
from pathlib import Path
from typing import Any

# Of statx(2): the birth time as a flag, and the offsets of the mask and of that time.
_AT_FDCWD, _STATX_BTIME = -100, 0x800
_MASK, _BIRTH, _SIZE = 0, 80, 256


def birth_of(path: Path) -> str:
    """Return when the file was made, in nanoseconds, or '' where the file system does not say.

    Raise `OSError` if there is no such file.
    """
    found = os.stat(path)
    nanoseconds = getattr(found, "st_birthtime_ns", None)
    if nanoseconds is None:
        nanoseconds = int(getattr(found, "st_birthtime", 0) * 1e9)
    return str(nanoseconds) if nanoseconds else _by_statx(path)


@cache
def _statx() -> Any:
    """Return the function of the C library, None where it has none."""
    try:
        return ctypes.CDLL(None).statx
    except (AttributeError, OSError, TypeError):
        return None


def _by_statx(path: Path) -> str:
    """Ask Linux, whose answer this version of Python leaves out of `os.stat`."""
    statx = _statx()
    if statx is None:
        return ""
    answer = ctypes.create_string_buffer(_SIZE)
    if statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, answer):
        return ""
    (mask,) = struct.unpack_from("=I", answer, _MASK)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, _BIRTH)
    return f"{seconds}{nanoseconds:09d}" if mask & _STATX_BTIME else ""
