"""What is stored of users' own programs: what was submitted, and which contents may write."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from scheduler.models import Job, Run, State


class Level(models.TextChoices):
    """What a program may do besides computing."""

    READ = "read", "reads the inventory, in nobody's name"
    RIGHTS = "rights", "reads the inventory, and asks the registry in its user's name"
    WRITE = "write", "the same, and writes the inventory when it ends well"


class Application(models.Model):
    """A user's program as it was submitted, once; ``path``: where a registered program is ("": it was uploaded).

    ``sha256`` is that of what was submitted: nothing else is run in its name.
    """

    title = models.CharField(max_length=128)
    author = models.CharField(max_length=150)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.READ)
    path = models.CharField(max_length=1024, blank=True)
    sha256 = models.CharField(max_length=64)
    arguments = models.JSONField(default=list)
    limit = models.FloatField(help_text="seconds it may take once it runs")
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEW)
    step = models.ForeignKey(
        "scheduler.SequenceStep", null=True, blank=True, on_delete=models.SET_NULL, related_name="applications"
    )
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="applications")
    run = models.OneToOneField(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="program")
    queued_at = models.DateTimeField(auto_now_add=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True, help_text="negative: ended by that signal")
    error = models.TextField(blank=True)
    killed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "queued_at"], name="application_state"),
            models.Index(fields=["author", "queued_at"], name="application_author"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.title} #{self.pk} ({self.state})"


class Authorisation(models.Model):
    """A program with exactly this content may write the inventory for this user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="authorised_programs")
    sha256 = models.CharField(
        "SHA-256",
        max_length=64,
        validators=[RegexValidator(r"^[0-9a-f]{64}\Z", "64 digits of 0-9 and a-f, as sha256sum writes them")],
    )
    title = models.CharField(max_length=128, blank=True, help_text="what the program is, for people")
    note = models.TextField(blank=True, help_text="who looked at it, and what it is for")
    authorised_by = models.CharField(max_length=150, editable=False)
    authorised_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "sha256"], name="one_authorisation_per_user_and_content")
        ]
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return f"{self.title or self.sha256[:12]} for {self.user}"
