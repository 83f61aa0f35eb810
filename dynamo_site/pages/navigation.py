"""The menu of the pages: sections, and the pages of each. The first page of a section is where its name leads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A page of the menu: the name of its address, and what it is called."""

    name: str
    label: str


@dataclass(frozen=True)
class Section:
    """Pages that belong together; ``right`` (role, target): only who has it sees them in the menu."""

    label: str
    entries: tuple[Entry, ...]
    right: tuple[str, str] | None = None

    @property
    def names(self) -> frozenset[str]:
        """Names of the addresses in it."""
        return frozenset(entry.name for entry in self.entries)


def _section(label: str, *entries: tuple[str, str], right: tuple[str, str] | None = None) -> Section:
    return Section(label, tuple(Entry(*entry) for entry in entries), right)


MENU = (
    _section("Overview", ("front", "Overview")),
    _section(
        "Inventory", ("statistics", "Statistics"), ("datasets", "Datasets"), ("sites", "Sites"), ("groups", "Groups"),
        ("quotas", "Quotas"),
    ),
    _section("Requests", ("requests", "Requests"), ("ask-copy", "Ask for copies"), ("ask-deletion", "Ask for deletion"), ("locks", "Locks")),
    _section(
        "Detox & Dealer", ("detox", "Detox"), ("detox-lines", "Lines"), ("detox-compare", "What if"), ("dealer", "Dealer"),
        ("dealer-rules", "Enforcer rules"), ("policies", "Policies"),
    ),
    _section("Files", ("files", "Queue"), ("activity", "Activity"), ("checks", "Consistency")),
    _section(
        "Work", ("runs", "Runs"), ("applications", "Applications"), ("sequences", "Sequences"), ("application-locks", "Application locks"),
        ("sources", "Sources"),
    ),
    _section("People", ("users", "Users and rights"), ("audit", "Audit log"), right=("admin", "registry")),
)  # fmt: skip
