"""Runs over the inventory and the jobs of workers: what goes on, what it logged, and ending it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from registry import operating
from registry.access import Access
from registry.api.columns import by_name
from registry.api.rows import of_model
from registry.api.writing import Call, Resource, listing, operation, route
from scheduler.models import Job, Run, RunLog

FIELDS = by_name(*of_model(
    Run, "id", "application", "arguments", "writes", "state", "author", "service", "host", "pid", "version_read", "versions_written",
    "queued_at", "started_at", "ended_at", "error", "killed_by", id=812, application="detox",
))  # fmt: skip
LOG = by_name(*of_model(RunLog, "id", "at", "text"))
JOB = by_name(*of_model(
    Job, "id", "task", "arguments", "state", "attempt", "host", "queued_at", "started_at", "ended_at", "exit_code", "error",
))  # fmt: skip
# An error is what the process wrote last, whatever that was.
JOBS = {name: column for name, column in JOB.items() if name not in ("arguments", "error")}
_FORGOTTEN = "; ended ones are kept for a while only"


class Ended(serializers.Serializer[Any]):
    """Whether there was anything to end."""

    ending = serializers.BooleanField(help_text="false: it had ended already")


class Runs(Resource):
    """Everything that reads or writes the inventory as a whole."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Run]:
        """Runs, newest first; `state=new` wait, `state=run` go on."""
        return Run.objects.all()

    @operation(answer=FIELDS)
    def show(self, call: Call) -> Run:
        """One run."""
        return _found(call)

    @listing(LOG)
    def log(self, call: Call) -> QuerySet[RunLog]:
        """What a run logged, newest first; with `order=id` as it happened."""
        return RunLog.objects.filter(run=_found(call))

    @operation(answer=Ended, status=202)
    def kill(self, call: Call) -> dict[str, Any]:
        """Ask a run to end; what it has not committed does not exist."""
        return {"ending": operating.end_run(call.caller, _found(call))}


class Jobs(Resource):
    """Executions of tasks by workers."""

    @listing(JOBS)
    def list(self, call: Call) -> QuerySet[Job]:
        """Jobs, newest first; what each was given and why it failed, its own address tells operators."""
        return Job.objects.all()

    @operation(answer=JOB)
    def show(self, call: Call) -> Job:
        """One job, with what it was given and why it failed."""
        return call.one(Job.objects.all(), "there is no job", _FORGOTTEN)


def _found(call: Call) -> Run:
    return call.one(Run.objects.all(), "there is no run", _FORGOTTEN)


urlpatterns = [
    route("runs", Runs, {"get": "list"}),
    route("runs/<int:number>", Runs, {"get": "show"}, name="v1-runs-one"),
    route("runs/<int:number>/log", Runs, {"get": "log"}, name="v1-runs-log"),
    route(
        "runs/<int:number>/kill",
        Runs,
        {"post": "kill"},
        name="v1-runs-kill",
        access=Access(change=("operator", "application")),
    ),
    route("jobs", Jobs, {"get": "list"}),
    route(
        "jobs/<int:number>",
        Jobs,
        {"get": "show"},
        name="v1-jobs-one",
        access=Access(read=("operator", "application"), target="application"),
    ),
]
