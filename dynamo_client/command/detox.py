"""``dynamo detox cycles | show | lines | explain | simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dynamo_client.command import story
from dynamo_client.command.inventory import Limit, Newest
from dynamo_client.command.options import Desk, command
from dynamo_client.command.output import Column, raw_column
from dynamo_client.command.text import Volume
from dynamo_client.errors import DynamoError, NotThere
from dynamo_client.records import Cycle

Partition = Annotated[str | None, typer.Option("--partition", "-p", help="Name of the partition.")]

_CYCLES = (
    Column("Cycle", lambda row: row.id), Column("Partition", lambda row: row.partition), Column("State", lambda row: row.state),
    Column("Started", lambda row: row.started), Column("Ended", lambda row: row.ended), Column("Test", lambda row: row.test),
    Column("Author", lambda row: row.author), Column("Comment", lambda row: row.comment),
)  # fmt: skip
_SITES = (
    Column("Site", lambda row: row.site), Column("State", lambda row: row.state), Column("Quota", lambda row: Volume(row.quota)),
    Column("Before", lambda row: Volume(row.occupied_before)), Column("After", lambda row: Volume(row.occupied_after)),
    Column("Protected", lambda row: Volume(row.protected)), Column("Kept", lambda row: Volume(row.kept)),
    Column("Deleted", lambda row: Volume(row.deleted)), Column("Why", lambda row: row.reason),
)  # fmt: skip
_CHANGED_SITES = (
    Column("Site", lambda row: row.raw["site"]), Column("Deleted before", lambda row: Volume(row.raw["deleted_before"])),
    Column("Deleted after", lambda row: Volume(row.raw["deleted_after"])), Column("More", lambda row: Volume(row.raw["more"])),
    Column("Less", lambda row: Volume(row.raw["less"])),
)  # fmt: skip
_CHANGED_DATASETS = (
    Column("Dataset", lambda row: row.raw["dataset"]), Column("More", lambda row: Volume(row.raw["more"])),
    Column("Less", lambda row: Volume(row.raw["less"])), Column("Sites", lambda row: row.raw["num_sites"]),
    Column("Blocks", lambda row: row.raw["num_blocks"]),
)  # fmt: skip
_PERIOD = raw_column("period")
_LINES = (
    Column("Policy", lambda row: row.raw["policy"]), Column("Line", lambda row: row.raw["line"]),
    Column("Cycles", lambda row: row.raw["cycles"]), Column("Protected", lambda row: Volume(row.raw["protected"])),
    Column("Kept", lambda row: Volume(row.raw["kept"])), Column("Deleted", lambda row: Volume(row.raw["deleted"])),
)  # fmt: skip
_DECISIONS = tuple(map(raw_column, ("site", "dataset", "decision", "line", "num_blocks", "size")))


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="See what Detox deleted and why, and what another policy would do.")
    for function in (cycles, show, lines, explain, simulate):
        command(group)(function)
    app.add_typer(group, name="detox", rich_help_panel="Detox")


def cycles(
    desk: Desk,
    partition: Partition = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only in this state, e.g. `done`, `refused`; repeat for more.")
    ] = None,
    limit: Newest = 20,
) -> None:
    """List cycles, the newest first.

    Example:

        dynamo detox cycles --partition Physics
    """  # fmt: skip
    desk.out.rows(desk.dynamo.cycles(partition=partition, state=state), _CYCLES, "no cycles")


def show(
    desk: Desk,
    number: Annotated[int | None, typer.Argument(help="Number of the cycle; none: the latest.")] = None,
    partition: Partition = None,
) -> None:
    """Show what a cycle did at every site.

    Examples:

        dynamo detox show --partition Physics
        dynamo detox show 17 --csv
    """
    cycle = _cycle(desk, number, partition)
    if not desk.out.form and desk.out.terminal:
        desk.out.one(cycle, _CYCLES)
    desk.out.rows(desk.dynamo.cycle_sites(cycle.id), _SITES, f"cycle {cycle.id} looked at no site")


def lines(
    desk: Desk,
    partition: Annotated[str, typer.Argument(help="Name of the partition.")],
    since: Annotated[str | None, typer.Option(help="Cycles begun from then on, e.g. `1 year ago`.")] = None,
    until: Annotated[str | None, typer.Option(help="Cycles begun before then.")] = None,
    by: Annotated[str | None, typer.Option(help="`site`: for each site apart.")] = None,
    per: Annotated[str | None, typer.Option(help="For each `day`, `week`, `month` or `year` apart.")] = None,
    limit: Limit = None,
) -> None:
    """Tell which line of the policies has protected, kept and deleted how much over many cycles; the largest first.

    Example:

        dynamo detox lines Physics --since '1 year ago'
    """
    found = desk.dynamo.policy_lines(partition, since=since, until=until, by=by, per=per)
    where = [column for column, asked in ((_PERIOD, per), (raw_column("site"), by)) if asked]
    desk.out.rows(found, [*where, *_LINES], "no line did anything")


def explain(
    desk: Desk,
    dataset: Annotated[str, typer.Argument(help="The dataset, or `dataset#block`.")],
    site: Annotated[
        str | None, typer.Option("--site", "-s", help="At this site; none: its decisions at all sites.")
    ] = None,
    number: Annotated[int | None, typer.Option("--cycle", "-c", help="In this cycle; none: the latest.")] = None,
    partition: Partition = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="With `--site`: also what would have turned the decision.")
    ] = False,
) -> None:
    """Tell why a cycle decided as it did on a dataset: each line of the policy with the values that it saw.

    Examples:

        dynamo detox explain /Some/Dataset-v1/AOD
        dynamo detox explain /Some/Dataset-v1/AOD --site T2_US_MIT --cycle 17
    """
    cycle = _cycle(desk, number, partition)
    if site is None:
        found = desk.dynamo.decisions(cycle.id, dataset=dataset.partition("#")[0])
        desk.out.rows(found, _DECISIONS, f"cycle {cycle.id} decided nothing on {dataset}")
        return
    told = dict(desk.dynamo.explain(cycle.id, dataset, site).raw)
    if changes:
        told["changes"] = desk.dynamo.turning(cycle.id, dataset, site).raw
    if desk.out.form == "json":
        desk.out.json(told)
        return
    for line in story.lines(told):
        desk.out.line(line)


def simulate(
    desk: Desk,
    policy: Annotated[
        Path | None, typer.Argument(help="File with the changed policy; none: as it is in force.")
    ] = None,
    partition: Partition = None,
    quota: Annotated[list[str] | None, typer.Option(help="`SITE=TB`, or `SITE=none`; repeat for more.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="`SITE=STATUS`; repeat for more.")] = None,
    lock: Annotated[list[str] | None, typer.Option(help="Set a lock: `ITEM[@SITE[@GROUP]]`; repeat for more.")] = None,
    unlock: Annotated[list[str] | None, typer.Option(help="Lift locks that match; repeat for more.")] = None,
    number: Annotated[
        int | None, typer.Option("--cycle", "-c", help="On what this cycle saw; none: on the present.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="On a kept version of the inventory.")] = None,
    time: Annotated[str | None, typer.Option(help="On the inventory of that time, e.g. `2 days ago`.")] = None,
    by: Annotated[str, typer.Option(help="Table of `site`s or `dataset`s.")] = "site",
) -> None:
    """Show what Detox would decide otherwise: with another policy, quotas, statuses or locks. Nothing changes.

    Examples:

        dynamo detox simulate Physics.txt
        dynamo detox simulate --partition Physics --quota T2_US_MIT=500 --by dataset
    """  # fmt: skip
    text = None if policy is None else _text(policy)
    subject = partition or _partition_of(text)
    if by not in ("site", "dataset"):
        raise typer.BadParameter(f"{by}: choose site or dataset", param_hint="--by")
    answer = desk.dynamo.simulate(
        subject, policy=text, quotas=quota, statuses=status, locks=lock, unlocks=unlock,
        cycle=number, version=version, time=time,
    )  # fmt: skip
    if not desk.out.form:
        for line in story.comparison(answer.raw):
            desk.out.say(line)
    columns = _CHANGED_SITES if by == "site" else _CHANGED_DATASETS
    desk.out.table_of(answer, answer.raw[f"{by}s"], "nothing would be decided otherwise", columns)


def _cycle(desk: Desk, number: int | None, partition: str | None) -> Cycle:
    if number is not None:
        return desk.dynamo.cycle(number)
    found = next(iter(desk.dynamo.cycles(partition=partition, test="false")), None)
    if found is None:
        raise NotThere(f"there is no cycle{f' of {partition}' if partition else ''}")
    return found


def _text(policy: Path) -> str:
    try:
        return policy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DynamoError(f"{policy}: {error}") from None


def _partition_of(policy: str | None) -> str:
    """The partition that a policy says it is for."""
    words: list[Any] = [line.split() for line in (policy or "").splitlines()]
    named = [" ".join(line[1:]) for line in words if len(line) > 1 and line[0] == "Partition"]
    if not named:
        raise typer.BadParameter("say which partition: --partition NAME", param_hint="--partition")
    return str(named[0])
