"""What a server does for the history: writes what is new, merges, and has the log drop what is kept elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from inventory.errors import InventoryError, RecordsDropped
from inventory.history import compaction
from inventory.history.follower import Historian, HistoryForeign, position
from inventory.history.segment import HistoryDamaged
from inventory.settings import InventorySettings

_LOG = structlog.get_logger(__name__)
_PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 30.0
_COMPACTION_SECONDS = 3600.0


class Archiver:
    """``position``: the last record that the history has, None before it is known; ``problem``: why it does not go on."""

    def __init__(self, history: Path, checkpoints: Path, settings: InventorySettings) -> None:
        self._history, self._checkpoints, self._settings = history, checkpoints, settings
        self._historian = Historian(history)
        self.position: int | None = None
        self.problem = ""
        self._last = time.monotonic()
        self._compacted = time.monotonic()

    def step(self, version: int, at_once: bool = False) -> float:
        """One piece of work for the log up to ``version``; seconds to wait for the next. Raises OSError, DatabaseError."""
        try:
            pause = self._step(version, at_once)
        except (HistoryForeign, HistoryDamaged, RecordsDropped) as error:
            return self._tell(error)
        self.problem = ""
        return pause

    def _step(self, version: int, at_once: bool) -> float:
        if self.position is None:
            self.position = position(self._history)
        if self._is_due(version, at_once):
            written = self._historian.follow(version)
            self.position = position(self._history)
            if self.position >= version:
                self._last = time.monotonic()
            while not at_once and self._historian.merge():
                _LOG.info("inventory_history_merged", version=self.position)
            return 0.0 if written else _PAUSE_SECONDS
        if time.monotonic() - self._compacted > _COMPACTION_SECONDS and self._settings.log_keep_days > 0:
            self._compact()
        return _PAUSE_SECONDS

    def _is_due(self, version: int, at_once: bool) -> bool:
        behind = version - (self.position or 0)
        late = time.monotonic() - self._last > self._settings.history_seconds
        wanted = late or behind >= self._settings.history_records or compaction.asked() > (self.position or 0)
        return behind > 0 and (at_once or wanted)

    def _compact(self) -> None:
        self._compacted = time.monotonic()
        found = compaction.limits(self._checkpoints, self._history, self._settings.log_keep_days, int(time.time()))
        size = compaction.drop(found.last)
        if size:
            _LOG.info("inventory_log_dropped", until=found.last, bytes=size)

    def _tell(self, error: InventoryError) -> float:
        _LOG.error("inventory_history_stopped", reason=str(error))
        self.problem = str(error)
        return _RETRY_SECONDS
