"""Changes of rows in words: for the command, and for the History tab of an object's administration page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Page, Paginator

from inventory.history.archive import settled
from inventory.history.changed import NotInHistory, Wanted, rows
from inventory.history.past import Past, directory

_SHOWN = 100


def sentence(entry: dict[str, Any]) -> str:
    """What happened to one row: ``changed sites T2_A: status READY → MORGUE``."""
    values = ", ".join(_value(column, value, entry["what"]) for column, value in entry["values"].items())
    named = " ".join(str(name) for name in entry["object"].values())
    return f"{entry['what']} {entry['table']} {named}{': ' if values else ''}{values}"


def _value(column: str, value: dict[str, Any], what: str) -> str:
    if what == "made":
        return f"{column} {value['new']}"
    return f"{column} {value['old']}" if what == "deleted" else f"{column} {value['old']} → {value['new']}"


@dataclass(frozen=True)
class Action:
    """One change as the administration's history shows it."""

    entry: dict[str, Any]

    @property
    def action_time(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.entry["time"], UTC)

    @property
    def user(self) -> Action:
        """Who: this answers for the account, which may not exist."""
        return self

    def get_username(self) -> str:
        """The author, and by what."""
        run = f", run {self.entry['run']}" if self.entry["run"] else ""
        service = f" ({self.entry['service']}{run})" if self.entry["service"] else ""
        return f"{self.entry['author']}{service}"

    def get_change_message(self) -> str:
        """What."""
        return sentence(self.entry)


def actions(kind: str, name: str) -> Page[Action]:
    """The newest changes of a "dataset" and what belongs to it, or of a "site". Raises HistoryDamaged, HistoryForeign."""
    wanted = Wanted(dataset=name, limit=_SHOWN) if kind == "dataset" else Wanted(site=name, table="sites", limit=_SHOWN)
    try:
        found = settled(directory(), lambda archive: rows(Past.of(archive), wanted))
    except NotInHistory:
        found = []
    return Paginator([Action(entry) for entry in found], _SHOWN).get_page(1)
