"""The bearer token of a client, kept fresh: files change under us (rotation), and programs hand out short-lived tokens."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from controlplane.kube.config import ClusterConfig, ConfigError

__all__ = ["Bearer"]

_LOOK_S = 1.0  # a stat per second at most, however many requests there are
_SOURCE_S = 60.0  # a source caches by itself, but asking it costs a thread


class Bearer:
    """The token to send now: from the source, the file or the text of a configuration, in this order.

    clock: monotonic seconds.
    """

    def __init__(self, config: ClusterConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._token = config.token
        self._looked = float("-inf")
        self._stamp: tuple[int, int, int] | None = None  # of the file that was read: mtime, inode, size

    async def token(self) -> str:
        """The token, or "" where the identity is a certificate. Raises ConfigError if its file cannot be read."""
        if self._config.token_source:
            if self._clock() - self._looked >= _SOURCE_S:
                self._looked = self._clock()
                self._token = await asyncio.to_thread(self._config.token_source)
        elif self._config.token_file and self._clock() - self._looked >= _LOOK_S:
            self._looked = self._clock()
            self._read(self._config.token_file)
        return self._token

    async def renewed(self, refused: str) -> bool:
        """After a 401 to this token: look again at once. True if there is another token to try."""
        self._looked = float("-inf")
        self._stamp = None
        return await self.token() != refused

    def _read(self, path: Path) -> None:
        # A local file of a few hundred bytes: a thread would cost more than the read.
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._stamp:
                self._token = path.read_text().strip()
                self._stamp = stamp
        except OSError as err:
            if not self._token:
                raise ConfigError(f"{path}: token cannot be read: {err.strerror}") from None
            # while it is being replaced, the last token may still be good; a 401 will tell
