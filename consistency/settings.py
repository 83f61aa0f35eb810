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
    """What is listed and compared; LFN directories without a slash at their end."""
    threads: int = 8
    """Directories listed at the same time."""
    timeout: float = 30.0
    """Seconds for one directory."""
    retries: int = 3
    """Attempts at one directory before it is unlisted: nothing below it counts as missing or orphan."""
    max_failures_in_a_row: int = 50
    """So many directories in a row that cannot be listed end the check: the site is down."""
    ignore_age: float = 2.0
    """Days; what is younger is neither orphan nor reason to act."""
    ignore_patterns: tuple[str, ...] = ("/SAM", "/HCTest")
    """Paths that contain one of these are passed over."""
    empty_directory_age: float = 2.0
    """Days after which an empty directory goes."""
    two_strikes: bool = True
    """A file counts as missing only when the previous check missed it, too."""
    max_missing: int = 1000
    """More missing files than this: nothing is repaired until a person confirms."""
    max_orphan: int = 1000
    """More orphans than this: nothing is deleted until a person confirms."""
    max_missing_fraction: float = 0.5
    """More than this part of the site's files missing: as with max_missing."""
    orphans_of_datasets_at_site: str = "producing"
    """When an orphan whose dataset has files at the site is spared: always, producing (only while the dataset is being produced), never."""
    dataset_pattern: str = "^/store/[^/]+/([^/]+)/([^/]+)/([^/]+)/([^/]+)/"
    """Regular expression that finds a dataset's name in an LFN."""
    dataset_template: str = "/{1}/{0}-{3}/{2}"
    """The dataset's name from the captures of dataset_pattern."""
    protected_lfns: str = ""
    """URL or file with the LFNs and directories that production uses now; empty: there is none."""
    confirm_within: float = 14.0
    """Days for which a check can be confirmed."""
    unmerged_directory: str = ""
    """Production's working area; empty: it is not cleaned."""
    unmerged_age: float = 14.0
    """Days; younger files of the working area stay."""
    log_directories: tuple[str, ...] = ()
    """Directories of logs to be cleaned."""
    log_age: float = 60.0
    """Days; younger logs stay."""
    max_cleaned: int = 100_000
    """When more files than this would go, nothing is cleaned."""
    min_protected_fraction: float = 0.5
    """A protected list shorter than this part of the last one is not believed, and nothing is cleaned."""

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
