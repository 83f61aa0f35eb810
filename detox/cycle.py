"""A cycle: look, decide, put the decisions on record, carry them out. Whatever kills it, the next one finishes or drops."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta

import polars as pl
from django.db import transaction
from django.utils import timezone

from detox import confirming, facts, guard, history, trusted
from detox.carry_out import carry_out, finish_interrupted
from detox.decisions import Decisions
from detox.engine import decide
from detox.lines import line_sums
from detox.models import Cycle, CycleSite, CycleState, SiteState
from detox.monitor import detox_settings
from detox.plan import plan_of
from detox.settings import DetoxSettings
from inventory.partitions import definitions, simple_parts
from inventory.policy.model import Policy
from inventory.policy.versions import digest_of
from inventory.snapshot import Snapshot
from scheduler.runs import ReaderRun, reader, writer

_APPLICATION = "detox"


def run_cycle(
    policy: Policy, author: str, *, wait: float | None = None, comment: str = "", confirms: int | None = None
) -> Cycle:
    """A cycle that carries out what it decides; first finishes what killed ones left.

    ``wait``: seconds for the turn to write (None: as long as it takes). ``confirms``: number of a refused cycle whose plan the
    author has looked at. Raises CycleRefused when the guard stops it, CannotConfirm; TurnBusy, ApplicationLocked, TurnLost,
    InventoryUnavailable, PartitionUnknown, SourceInTrouble; a cycle that had begun is then on record as refused or failed.
    """
    confirming.check(confirms, policy)
    arguments = {"partition": policy.partition, "policy": policy.file}
    with writer(_APPLICATION, arguments | ({"confirms": confirms} if confirms else {}), author, wait=wait) as run:
        finish_interrupted(run)
        snapshot = run.snapshot()
        trusted.require(policy, snapshot, timezone.now())
        refused = confirming.check(confirms, policy)
        cycle, plan = _decided(run, snapshot, policy, author, comment, test=False, confirms=refused)
        run.log(f"{cycle}: decided on version {snapshot.version}; {int(plan['deleted'].sum())} block replicas go")
        if cycle.state == CycleState.REFUSED:
            run.log(confirming.refusal(cycle))
        else:
            carry_out(cycle, run, snapshot)
    _forget_old_inputs()
    if cycle.state == CycleState.REFUSED:
        raise confirming.CycleRefused(confirming.refusal(cycle))
    return cycle


def try_cycle(policy: Policy, author: str, *, comment: str = "") -> Cycle:
    """A cycle that only decides and is shown as history. It has no turn to write, so it cannot change anything."""
    arguments = {"partition": policy.partition, "policy": policy.file, "test": True}
    with reader(_APPLICATION, arguments, author) as run:
        cycle, _ = _decided(run, run.snapshot(), policy, author, comment, test=True)
        cycle.state, cycle.ended = CycleState.DONE, timezone.now()
        cycle.save(update_fields=["state", "ended"])
    return cycle


def _decided(
    run: ReaderRun,
    snapshot: Snapshot,
    policy: Policy,
    author: str,
    comment: str,
    *,
    test: bool,
    confirms: Cycle | None = None,
) -> tuple[Cycle, pl.DataFrame]:
    """The cycle with its decisions on record, and its plan."""
    settings, now = detox_settings(), int(time.time())
    cycle = Cycle.objects.create(
        partition=policy.partition, test=test, author=author, comment=comment, started=datetime.fromtimestamp(now, UTC),
        run=run.id, version=snapshot.version, now=now, policy=policy.text, policy_file=policy.file,
        policy_version=policy.version, policy_digest=digest_of(policy.text), policy_note=policy.note,
        lines={str(line.number): line.text for line in policy.lines}, settings=dataclasses.asdict(settings), confirms=confirms,
    )  # fmt: skip
    try:
        plan = _decide(cycle, snapshot, policy, settings)
    except Exception as error:
        cycle.state, cycle.ended, cycle.error = CycleState.FAILED, timezone.now(), str(error)
        cycle.save(update_fields=["state", "ended", "error"])
        raise
    return cycle, plan


def _decide(cycle: Cycle, snapshot: Snapshot, policy: Policy, settings: DetoxSettings) -> pl.DataFrame:
    known = facts.gather(snapshot, settings.protected_sites, cycle.now)
    decisions = decide(snapshot, policy, definitions(snapshot), known, settings, cycle.now)
    plan = plan_of(decisions, snapshot)
    found = guard.findings(decisions, settings, confirming.confirmed(cycle.confirms))
    cycle.guard = [finding.as_dict() for finding in found]
    cycle.partitions = _definitions(snapshot, policy.partition)
    history.keep(
        cycle.pk,
        {
            "decisions": decisions.replicas,
            "plan": plan,
            "image": decisions.image,
            "lines": line_sums(decisions.replicas),
        },
    )
    history.keep_inputs(cycle.pk, snapshot, known, decisions.image["dataset_id"])
    _record(cycle, decisions, plan)
    return plan


def _definitions(snapshot: Snapshot, partition: str) -> dict[str, str]:
    """The texts that say what the partition holds: its own and, of a union, its parts'."""
    names = {partition, *simple_parts(definitions(snapshot), partition)}
    rows = snapshot.frame("partitions").select("name", "definition").iter_rows()
    return {name: text for name, text in rows if name in names}


@transaction.atomic
def _record(cycle: Cycle, decisions: Decisions, plan: pl.DataFrame) -> None:
    """From here on a cycle that is no test, and that the guard lets pass, will be carried out, by this process or a later one."""
    touched = set() if cycle.test or cycle.guard else set(plan["site"])
    deleted = decisions.replicas.filter(pl.col("decision") == "deleted")
    num_deleted = dict(deleted.group_by("site").agg(pl.col("dataset").n_unique()).iter_rows())
    num_reowned = dict(plan.filter(~pl.col("deleted")).group_by("site").len().iter_rows())
    CycleSite.objects.bulk_create([
        CycleSite(
            cycle=cycle, num_deleted=num_deleted.get(row["site"], 0), num_reowned=num_reowned.get(row["site"], 0),
            state=SiteState.PLANNED if row["site"] in touched else SiteState.IDLE,
            **{name: row[name] for name in _SITE_COLUMNS},
        )
        for row in decisions.sites.iter_rows(named=True)
    ], batch_size=500)  # fmt: skip
    cycle.passes = decisions.passes
    if cycle.guard and not cycle.test:
        cycle.state, cycle.ended = CycleState.REFUSED, timezone.now()
    else:
        cycle.state = CycleState.DECIDING if cycle.test else CycleState.COMMITTING
    cycle.save(update_fields=["passes", "state", "ended", "guard", "partitions"])


_SITE_COLUMNS = (
    "site", "status", "quota", "triggered", "occupied_before", "occupied_after", "protected", "kept", "deleted", "reason",
)  # fmt: skip


def _forget_old_inputs() -> None:
    oldest = timezone.now() - timedelta(days=detox_settings().keep_inputs)
    old = Cycle.objects.filter(ended__lt=oldest, inputs_kept=True)
    history.drop_inputs(list(old.values_list("pk", flat=True)))
    old.update(inputs_kept=False)
