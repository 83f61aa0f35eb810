"""``dynamo datasets | replicas | sites | stats | query | lfn2pfn``: what there is, and where."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from dynamo_client.command.options import Desk, command, words
from dynamo_client.command.output import Column
from dynamo_client.command.text import Volume
from dynamo_client.errors import DynamoError

Sites = Annotated[list[str] | None, typer.Option("--site", "-s", help="Only at these sites (globs); repeat for more.")]
Limit = Annotated[int | None, typer.Option(min=0, help="Show so many at most (0: all; at a terminal 1000).")]
Newest = Annotated[int | None, typer.Option("--limit", min=0, help="Show only so many of the newest (20; 0: all).")]
Order = Annotated[str | None, typer.Option(help="Field to order by, `-` before it: descending, e.g. `-size`.")]
AtVersion = Annotated[int | None, typer.Option(help="As of this version of the inventory.")]

_DATASETS = (
    Column("Dataset", lambda row: row.name), Column("Status", lambda row: row.status), Column("Type", lambda row: row.data_type),
    Column("Size", lambda row: Volume(row.size)), Column("Files", lambda row: row.num_files),
    Column("Blocks", lambda row: row.num_blocks), Column("Last update", lambda row: row.last_update),
)  # fmt: skip
_REPLICAS = (
    Column("Dataset", lambda row: row.dataset), Column("Site", lambda row: row.site), Column("Group", lambda row: row.group),
    Column("Size", lambda row: Volume(row.size)), Column("Files", lambda row: row.num_files),
    Column("Complete", lambda row: row.complete),
)  # fmt: skip
_BLOCKS = (
    _REPLICAS[0], Column("Block", lambda row: row.block), *_REPLICAS[1:], Column("Last update", lambda row: row.last_update),
)  # fmt: skip
_SITES = (
    Column("Site", lambda row: row.name), Column("Status", lambda row: row.status), Column("Storage", lambda row: row.storage_type),
    Column("Host", lambda row: row.host), Column("Backend", lambda row: row.backend),
)  # fmt: skip
_QUOTAS = (
    Column("Site", lambda row: row.site), Column("Partition", lambda row: row.partition),
    Column("Quota", lambda row: None if row.quota < 0 else Volume(row.quota)),
    Column("Present", lambda row: Volume(row.present)), Column("Projected", lambda row: Volume(row.projected)),
)  # fmt: skip
_KEY = Column("Key", lambda row: row.key)
STATISTICS = {
    "size": (_KEY, Column("Size", lambda row: Volume(row.size))),
    "replication": (_KEY, Column("Mean", lambda row: row.mean), Column("RMS", lambda row: row.rms)),
    "usage": (Column("Site", lambda row: row.site), _KEY, Column("Size", lambda row: Volume(row.size))),
}
CATEGORIES = ("data_type", "dataset", "dataset_status", "dataset_software_version", "site", "site_status", "group")
_LOCATIONS = (
    Column("Site", lambda row: row.site), Column("Protocol", lambda row: row.protocol), Column("LFN", lambda row: row.lfn),
    Column("PFN", lambda row: row.pfn),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (datasets, replicas, sites, stats, query, lfn2pfn):
        command(app, rich_help_panel="Inventory")(function)


def datasets(
    desk: Desk,
    names: Annotated[list[str] | None, typer.Argument(help="Names or globs; none: all.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only with this status, e.g. `VALID`.")] = None,
    data_type: Annotated[list[str] | None, typer.Option("--type", help="Only of this type (glob), e.g. `mc`.")] = None,
    order: Order = None,
    at_version: AtVersion = None,
    limit: Limit = None,
) -> None:
    """List datasets.

    Examples:

        dynamo datasets '/Some/*/AOD' --order -size
        dynamo datasets --type mc --csv > datasets.csv
    """
    found = desk.dynamo.datasets(*names or (), status=status, data_type=data_type, order=order, at_version=at_version)
    desk.out.rows(found, _DATASETS, "no such dataset")


def replicas(
    desk: Desk,
    datasets: Annotated[list[str] | None, typer.Argument(help="Names of datasets or globs; none: all.")] = None,
    site: Sites = None,
    group: Annotated[list[str] | None, typer.Option(help="Only owned by this group.")] = None,
    blocks: Annotated[bool, typer.Option("--blocks", "-b", help="Block by block.")] = False,
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Only those of which something is missing.")] = False,
    order: Order = None,
    at_version: AtVersion = None,
    limit: Limit = None,
) -> None:
    """List replicas: which datasets (or blocks) are at which sites.

    Examples:

        dynamo replicas /Some/Dataset-v1/AOD
        dynamo replicas --site 'T2_*' --incomplete --blocks
    """
    listing, columns = (desk.dynamo.block_replicas, _BLOCKS) if blocks else (desk.dynamo.dataset_replicas, _REPLICAS)
    complete = "false" if incomplete else None
    found: Any = listing(*datasets or (), site=site, group=group, complete=complete, order=order, at_version=at_version)
    desk.out.rows(found, columns, "no such replica")


def sites(
    desk: Desk,
    names: Annotated[list[str] | None, typer.Argument(help="Names or globs; none: all.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only with this status, e.g. `READY`.")] = None,
    quotas: Annotated[bool, typer.Option("--quotas", "-q", help="Their partitions: quota, and what is there.")] = False,
    order: Order = None,
    at_version: AtVersion = None,
    limit: Limit = None,
) -> None:
    """List sites, or with `--quotas` how full they are.

    Examples:

        dynamo sites --status READY
        dynamo sites 'T2_US_*' --quotas
    """
    if quotas:
        found = desk.dynamo.quotas(site=names, order=order, at_version=at_version)
        desk.out.rows(found, _QUOTAS, "no such site, or no partition")
        return
    listed = desk.dynamo.sites(*names or (), status=status, order=order, at_version=at_version)
    desk.out.rows(listed, _SITES, "no such site")


def stats(
    desk: Desk,
    statistic: Annotated[
        str, typer.Argument(help="`size`, `replication` or `usage`.", autocompletion=words(*STATISTICS))
    ] = "size",
    by: Annotated[
        str | None,
        typer.Option(
            help="Category, e.g. `data_type`, `site`, `group`, `dataset_status`.", autocompletion=words(*CATEGORIES)
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", "-w", help="`CATEGORY=PATTERN` (regular expression); repeat for more."),
    ] = None,
    projected: Annotated[
        bool, typer.Option("--projected", help="Whole blocks, also what is still on its way.")
    ] = False,
    limit: Limit = None,
) -> None:
    """Show statistics of the inventory: sizes, numbers of replicas, usage of sites.

    Examples:

        dynamo stats size --by data_type
        dynamo stats usage --by group --where 'site=T2_.*' --csv
    """
    columns = STATISTICS.get(statistic)
    if columns is None:
        raise typer.BadParameter(f"{statistic}: choose one of {', '.join(STATISTICS)}", param_hint="STATISTIC")
    question: dict[str, Any] = {"list_by": by, "physical": "false" if projected else None}
    for one in where or []:
        category, separator, pattern = one.partition("=")
        if not separator:
            raise typer.BadParameter(f"{one}: has to be CATEGORY=PATTERN", param_hint="--where")
        question.setdefault(category, []).append(pattern)
    desk.out.rows(desk.dynamo.statistics(statistic, **question), columns, "there is nothing of that")


def query(
    desk: Desk,
    sql: Annotated[str, typer.Argument(help="A SELECT over the inventory's tables; `-`: from standard input.")],
    rows: Annotated[
        int | None, typer.Option("--rows", "-n", min=1, help="Rows at most (none: as the server has it).")
    ] = None,
    at_version: AtVersion = None,
) -> None:
    """Ask the inventory by SQL, reading only.

    Examples:

        dynamo query "SELECT status, count(*) AS number FROM datasets GROUP BY status"
        dynamo query - --csv < question.sql
    """  # fmt: skip
    found = desk.dynamo.query(sys.stdin.read() if sql == "-" else sql, limit=rows, at_version=at_version)
    desk.out.table_of(found, found.results, "no rows")
    if found.truncated:
        desk.out.say("there are more rows; --rows says how many are wanted")


def lfn2pfn(
    desk: Desk,
    lfns: Annotated[list[str], typer.Argument(help="Logical file names; `-`: one a line from standard input.")],
    site: Annotated[list[str], typer.Option("--site", "-s", help="At this site (glob); repeat for more.")],
    protocol: Annotated[str | None, typer.Option(help="Access protocol, e.g. `root`.")] = None,
) -> None:
    """Tell the physical names of files at sites.

    Examples:

        dynamo lfn2pfn /store/data/file.root --site T2_US_MIT --protocol root
        cut -f1 files.txt | dynamo lfn2pfn - --site 'T2_*'
    """
    names = [line.strip() for line in sys.stdin if line.strip()] if lfns == ["-"] else lfns
    if not names:
        raise DynamoError("no file is named")
    desk.out.rows(desk.dynamo.lfn2pfn(names, site, protocol), _LOCATIONS, "no such site")
