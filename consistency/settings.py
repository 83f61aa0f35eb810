"""What operators tune for all sites (component ``consistency``) and, by the same names, for one (SiteConsistency)."""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86400
CAUTIONS = ("always", "producing", "never")


class SettingsError(ValueError):
    """Settings that contradict themselves; the text says which and what is expected."""


@dataclass(frozen=True)
class ConsistencySettings:
    """How a site is listed, compared and repaired; ages in days, time-outs in seconds."""

    directories: tuple[str, ...] = (
        "/store/mc", "/store/data", "/store/generator", "/store/results", "/store/hidata", "/store/himc",
        "/store/lumi", "/store/relval",
    )  # fmt: skip
    threads: int = 8
    timeout: float = 30.0
    retries: int = 3
    max_failures_in_a_row: int = 50
    ignore_age: float = 2.0
    ignore_patterns: tuple[str, ...] = ("/SAM", "/HCTest")
    empty_directory_age: float = 2.0
    two_strikes: bool = True
    max_missing: int = 1000
    max_orphan: int = 1000
    max_missing_fraction: float = 0.5
    orphans_of_datasets_at_site: str = "producing"
    dataset_pattern: str = "^/store/[^/]+/([^/]+)/([^/]+)/([^/]+)/([^/]+)/"
    dataset_template: str = "/{1}/{0}-{3}/{2}"
    protected_lfns: str = ""
    confirm_within: float = 14.0
    unmerged_directory: str = ""
    unmerged_age: float = 14.0
    log_directories: tuple[str, ...] = ()
    log_age: float = 60.0
    max_cleaned: int = 100_000
    min_protected_fraction: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what would make a run delete too much or never end."""
        for name in ("directories", "log_directories"):
            for directory in getattr(self, name):
                _check_directory(name, directory)
        if self.unmerged_directory:
            _check_directory("unmerged_directory", self.unmerged_directory)
        for name in ("threads", "timeout", "retries", "max_failures_in_a_row"):
            _at_least(name, getattr(self, name), 1)
        for name in ("ignore_age", "empty_directory_age", "unmerged_age", "log_age", "max_missing", "max_orphan"):
            _at_least(name, getattr(self, name), 0)
        if self.orphans_of_datasets_at_site not in CAUTIONS:
            raise SettingsError(
                f"orphans_of_datasets_at_site: {self.orphans_of_datasets_at_site!r}; one of {', '.join(CAUTIONS)}"
            )
        if "" in self.ignore_patterns:
            raise SettingsError("ignore_patterns: an empty pattern would ignore everything; take it out")


def _check_directory(name: str, directory: str) -> None:
    parts = directory.split("/")
    if not directory.startswith("/") or len(parts) < 2 or any(part in ("", ".", "..") for part in parts[1:]):
        raise SettingsError(f"{name}: {directory!r} is not an LFN directory such as /store/mc (no slash at its end)")


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise SettingsError(f"{name}: {value} is less than {least}")
