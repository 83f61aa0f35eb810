"""What the scheduler stores: runs with their logs, the jobs of the worker, locks on applications."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Where a run or a job stands; the last five are final."""

    NEW = "new", "waiting"
    ASSIGNED = "assigned", "assigned"
    RUN = "run", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    KILLED = "killed", "killed"
    NOT_FOUND = "notfound", "program not found"
    AUTH_FAILED = "authfailed", "not authorised"


OPEN_STATES = (State.NEW, State.ASSIGNED, State.RUN)


class Job(models.Model):
    """One execution of a task by a worker, in a process of its own."""

    task = models.CharField(max_length=128)
    arguments = models.JSONField(default=dict)
    key = models.CharField(max_length=255, help_text="jobs of the same key never run at the same time")
    message = models.CharField(max_length=64, unique=True, help_text="the broker's message this job came with")
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEW)
    attempt = models.PositiveSmallIntegerField(default=1)
    host = models.CharField(max_length=255, blank=True)
    pid = models.PositiveIntegerField(null=True, blank=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    output = models.TextField(blank=True, help_text="the end of what the process wrote")
    error = models.TextField(blank=True)
    again = models.BooleanField(default=False, help_text="its worker went away; to be started once more")

    class Meta:
        indexes = [
            models.Index(fields=["state", "queued_at"], name="job_state"),
            models.Index(fields=["task", "ended_at"], name="job_task_ended"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.task} #{self.pk} ({self.state})"


class Run(models.Model):
    """One run over the inventory: who, what, from which version to which, and how it ended."""

    application = models.CharField(max_length=64)
    arguments = models.JSONField(default=dict)
    writes = models.BooleanField(default=False, help_text="whether it has, or waits for, the turn to write")
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEW)
    author = models.CharField(max_length=150)
    service = models.CharField(max_length=64, blank=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")
    token = models.BigIntegerField(null=True, blank=True)
    version_read = models.BigIntegerField(null=True, blank=True)
    versions_written = models.JSONField(default=list)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    killed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "queued_at"], name="run_state"),
            models.Index(fields=["application", "queued_at"], name="run_application"),
        ]
        permissions = [("end_run", "May end runs and jobs")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.application} #{self.pk} ({self.state})"


class RunLog(models.Model):
    """One line of a run's log."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_lines")
    at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]


class ApplicationLock(models.Model):
    """An operator stopped an application; the oldest row of an application is who holds it, the others wait.

    One that has expired holds nothing and waits for nothing any more; without ``expires`` it lasts until it is taken back.
    """

    application = models.CharField(max_length=64)
    user = models.CharField(max_length=150)
    service = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)
    locked_at = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    warned = models.DateTimeField("owner was warned", null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["application", "id"], name="lock_application")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.application} by {self.user}"


from scheduler.application_models import Application, Authorisation, Level  # noqa: E402 - they refer to the ones above
from scheduler.sequence_models import Kind, OnFailure, Phase, Sequence, SequenceStep  # noqa: E402 - the same

__all__ = [
    "OPEN_STATES", "Application", "ApplicationLock", "Authorisation", "Job", "Kind", "Level", "OnFailure", "Phase", "Run", "RunLog",
    "Sequence", "SequenceStep", "State",
]  # fmt: skip
