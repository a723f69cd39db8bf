"""Keeping the process small: 50 MB on every cluster of a fleet is the budget.

Threads that read files, and answers of a megabyte that are parsed and let go, would leave some 12 MB in glibc's arenas
that nobody uses again (measured: 71 MB resident against 59 MB). And asyncio gives each TLS connection a read buffer of
256 KiB, which it fills with zeros, so that it is resident: a watch per kind makes that 5 to 10 MB more.
"""

import ctypes
import gc
from asyncio import sslproto

__all__ = ["keep_small", "settle"]

_TLS_BUFFER_BYTES = 32 * 1024  # two TLS records
# Source: mallopt(3)
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8


def keep_small() -> bool:
    """Set allocator and buffers up; before the first thread and connection. False where the allocator is not glibc's."""
    if hasattr(sslproto.SSLProtocol, "max_size"):
        sslproto.SSLProtocol.max_size = _TLS_BUFFER_BYTES
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    return all(
        (
            libc.mallopt(_ARENA_MAX, 1),
            libc.mallopt(_TRIM_THRESHOLD, 64 * 1024),
            libc.mallopt(_MMAP_THRESHOLD, 128 * 1024),
        )
    )


def settle() -> None:
    """In a quiet moment: collect what is left over, and give free memory back.

    What is alive at the first time (modules, mostly) lives as long as the process, and is not walked again.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
