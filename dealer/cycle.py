"""A cycle: load, decide, put the decisions on record, carry them out site by site.

Whatever kills it, the next one finishes: once the decisions are on record (``committing``) every step can be repeated.
For each site, subscriptions are made in one database transaction (what is subscribed already is passed over), and then
its change set is committed under an id that the inventory recognises. A cycle killed before has changed nothing.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from dataclasses import dataclass

import polars as pl
from django.db import transaction
from django.utils import timezone

from dealer import history
from dealer.carry_out import carry_out
from dealer.engine import decide
from dealer.models import Cycle, CycleAnswer, CycleSite, CycleState, SiteState
from dealer.plugins.protocol import Answer, Plan, Plugin, PluginError, View, plugins
from dealer.proposals import JOINED, PLACED, proposals_of
from dealer.results import Decisions, without
from dealer.settings import DealerSettings
from dealer.sites import sites_of
from inventory.snapshot import Snapshot
from inventory.tuning import tuned, with_values
from scheduler.runs import WriterRun, reader, writer

_APPLICATION = "dealer"
_SEED_BITS = 62


@dataclass(frozen=True)
class Options:
    """How a cycle is run: ``seed`` None: a new one; ``wait``: seconds for the turn to write, None: as long as it takes."""

    author: str
    seed: int | None = None
    wait: float | None = None
    comment: str = ""


def dealer_settings() -> DealerSettings:
    """The settings in force."""
    return tuned(_APPLICATION, DealerSettings)


def run_cycle(partition: str, options: Options) -> Cycle:
    """A cycle of ``partition`` that carries out what it decides; first finishes what killed ones left."""
    with writer(_APPLICATION, {"partition": partition}, options.author, wait=options.wait) as run:
        finish_interrupted(run)
        snapshot = run.snapshot()
        with _opened(snapshot, partition, options, test=False) as cycle:
            decisions, answers = _decided(snapshot, cycle)
            _record(cycle, decisions, answers)
        run.log(f"{cycle}: {cycle.num_placed} of {cycle.num_proposals} proposals placed")
        carry_out(cycle, run)
    return cycle


def try_cycle(partition: str, options: Options) -> Cycle:
    """A cycle that only decides and is shown as history. It has no turn to write, so it cannot change anything."""
    with reader(_APPLICATION, {"partition": partition, "test": True}, options.author) as run:
        snapshot = run.snapshot()
        with _opened(snapshot, partition, options, test=True) as cycle, transaction.atomic():
            decisions, _ = _decided(snapshot, cycle)
            _keep(cycle, decisions, SiteState.IDLE)
            cycle.state, cycle.ended = CycleState.DONE, timezone.now()
            _summarise(cycle, decisions)
    return cycle


def repeated(cycle: Cycle, snapshot: Snapshot) -> Decisions:
    """The decisions of ``cycle`` made again of its kept proposals, seed and settings; ``snapshot``: of its version."""
    settings = with_values(_APPLICATION, DealerSettings, cycle.settings)
    proposals = proposals_of(history.read(cycle.pk, "proposals"))
    return decide(snapshot, cycle.partition, proposals, settings, cycle.seed, cycle.now)


def finish_interrupted(run: WriterRun) -> list[Cycle]:
    """Carry out what killed cycles had decided; those that had not decided are marked as failed."""
    Cycle.objects.filter(state=CycleState.DECIDING, test=False).update(
        state=CycleState.FAILED, ended=timezone.now(), error="interrupted before it had decided; it changed nothing"
    )
    left = list(Cycle.objects.filter(state=CycleState.COMMITTING).order_by("id"))
    for cycle in left:
        run.log(f"{cycle} was interrupted; finishing it")
        carry_out(cycle, run)
    return left


def collect(view: View, found: dict[str, Plugin]) -> tuple[dict[str, Plan], list[str]]:
    """The plans of all plugins that have something to do in this cycle, in order of name, and what is wrong with others.

    One plugin's broken file does not keep the others from being served.
    """
    plans, problems = {}, []
    for name in sorted(found):
        try:
            loaded = found[name].load(view.partition, view.settings)
        except PluginError as error:
            problems.append(f"without {name}: {error}")
            continue
        if loaded is not None:
            plans[name] = found[name].propose(view, loaded)
    return plans, problems


class _opened:  # noqa: N801 - a context manager, used like a function
    """A new cycle on record; an error (also Ctrl-C) before its decisions are on record ends it as failed, with the reason."""

    def __init__(self, snapshot: Snapshot, partition: str, options: Options, *, test: bool) -> None:
        seed = secrets.randbits(_SEED_BITS) if options.seed is None else options.seed
        self.cycle = Cycle.objects.create(
            partition=partition, test=test, author=options.author, comment=options.comment, started=timezone.now(),
            version=snapshot.version, now=int(time.time()), seed=seed,
        )  # fmt: skip

    def __enter__(self) -> Cycle:
        return self.cycle

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            values = {
                "state": CycleState.FAILED,
                "ended": timezone.now(),
                "error": str(error) or error.__class__.__name__,
            }
            Cycle.objects.filter(pk=self.cycle.pk, state=CycleState.DECIDING).update(**values)


def _decided(snapshot: Snapshot, cycle: Cycle) -> tuple[Decisions, list[tuple[str, Answer]]]:
    """The cycle's decisions, and what plugins (by name) answer to those who asked."""
    settings = dealer_settings()
    cycle.settings = dataclasses.asdict(settings)
    sites = sites_of(snapshot, cycle.partition, settings, cycle.now)
    found = plugins()
    plans, problems = collect(View(snapshot, cycle.partition, sites, settings, cycle.now), found)
    cycle.error = "\n".join(problems)
    proposals = [proposal for plan in plans.values() for proposal in plan.proposals]
    decisions = decide(snapshot, cycle.partition, proposals, settings, cycle.seed, cycle.now)
    return decisions, [
        (name, answer) for name, plan in plans.items() for answer in found[name].answers(plan, decisions)
    ]


@transaction.atomic
def _record(cycle: Cycle, decisions: Decisions, answers: list[tuple[str, Answer]]) -> None:
    """From here on the cycle will be carried out, by this process or a later one."""
    found = plugins()
    rows = []
    for name, answer in answers:
        moot = found[name].settle(answer)
        rows.append(CycleAnswer(
            cycle=cycle, plugin=name, cause=answer.cause, number=answer.number, verdict=answer.verdict, moot=moot,
            reason=answer.reason, actions=[list(action) for action in answer.actions],
        ))  # fmt: skip
    CycleAnswer.objects.bulk_create(rows, batch_size=500)
    decisions = without(decisions, [row.cause for row in rows if row.moot])
    _keep(cycle, decisions, SiteState.PLANNED)
    cycle.state = CycleState.COMMITTING
    _summarise(cycle, decisions)


def _keep(cycle: Cycle, decisions: Decisions, planned: str) -> None:
    history.keep(cycle.pk, decisions)
    CycleSite.objects.bulk_create([
        CycleSite(
            cycle=cycle, site=row["site"], state=planned if row["blocks"] else SiteState.IDLE, quota=row["quota"],
            present=row["present"], projected=row["projected"], after=row["after"], volume=row["volume"],
            num_blocks=row["blocks"], verdict=row["verdict"],
        )
        for row in decisions.sites.iter_rows(named=True)
    ], batch_size=500)  # fmt: skip


def _summarise(cycle: Cycle, decisions: Decisions) -> None:
    outcomes = decisions.proposals["outcome"].cast(pl.String)
    cycle.num_proposals = len(outcomes)
    cycle.num_placed = int(outcomes.is_in([PLACED, JOINED]).sum())
    cycle.volume = int(decisions.sites["volume"].sum())
    cycle.refusals = decisions.refusals()
    cycle.save()
