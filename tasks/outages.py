"""What may be away for a while: one line in the log when it goes, one when it is back."""

import logging
import threading
from datetime import datetime

from core import clocks

logger = logging.getLogger(__name__)


class Outage:
    """Since when a thing does not work for this process or a part of it. None: it works."""

    def __init__(self, thing: str) -> None:
        self.thing = thing
        self.since: datetime | None = None
        self._parts: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, error: Exception, part: str = "") -> None:
        """Record a failure. The text of an error may name a login: only its type is logged."""
        with self._lock:
            self._parts.add(part)
            if self.since is None:
                self.since = clocks.now()
                logger.error("away", extra={"thing": self.thing, "error": type(error).__name__})

    def end(self, part: str = "") -> None:
        """Record that it works."""
        if part not in self._parts:
            return
        with self._lock:
            self._parts.discard(part)
            if not self._parts:
                self.since = None
                logger.warning("back", extra={"thing": self.thing})
