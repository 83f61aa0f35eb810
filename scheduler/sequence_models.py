"""What is stored of sequences: their steps in order, and where each of them stands."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from scheduler.application_models import Application, Level
from scheduler.sequencing.expression import ExpressionWrong, seconds
from scheduler.sequencing.words import ArgumentsWrong, words


class Kind(models.TextChoices):
    """What a step does."""

    RUN = "run", "run a program"
    WAIT = "wait", "wait"
    TERMINATE = "terminate", "end here, and disable the sequence"


class OnFailure(models.TextChoices):
    """What follows when a step's program fails; the first two notify."""

    RESTART = "^", "^ begin the sequence again"
    REPEAT = "&", "& repeat the step"
    CONTINUE = "|", "| go on"


class Phase(models.TextChoices):
    """Where a sequence stands."""

    STOPPED = "stopped", "stopped"
    READY = "ready", "about to do a step"
    RUNNING = "running", "its program is queued or runs"
    WAITING = "waiting", "waits"
    PAUSED = "paused", "waits before it tries again"
    ENDED = "ended", "came to TERMINATE"


class Sequence(models.Model):
    """Programs run one after the other, again and again, in the name of ``owner``.

    ``position``: of the step that is done now or next; ``application``: the program that it waits for; ``until``: end of the
    present wait (also before a failed step is tried again); ``rounds``: how often it came to its end.
    """

    name = models.CharField(max_length=128, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sequences",
        help_text="its programs run in this user's name, and write only what is authorised for this user",
    )  # fmt: skip
    restart = models.BooleanField(
        "always from the first step",
        default=False,
        help_text="when started again; otherwise it goes on where it stopped",
    )
    enabled = models.BooleanField(default=False, help_text="whether it goes on; also: sequence start, sequence stop")
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.STOPPED, editable=False)
    position = models.PositiveIntegerField(default=0, editable=False)
    application = models.ForeignKey(
        Application, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    until = models.DateTimeField(null=True, blank=True, editable=False)
    rounds = models.PositiveIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="failures since a program was last done"
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        permissions = [("control_sequence", "May start and stop sequences")]

    def __str__(self) -> str:
        return self.name


class SequenceStep(models.Model):
    """One step. ``path`` may be a program of an allowed directory; ``$(NAME)`` in ``arguments`` is taken from the environment."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RUN)
    title = models.CharField(max_length=128, blank=True)
    path = models.CharField(max_length=1024, blank=True)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.READ)
    arguments = models.TextField(blank=True, help_text="words as a shell takes them apart; no shell sees them")
    on_failure = models.CharField(max_length=1, choices=OnFailure.choices, default=OnFailure.CONTINUE)
    limit_hours = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.0003)])
    wait = models.CharField("seconds to wait", max_length=255, blank=True, help_text="as 3600 or 2 * 3600 + 60")
    last = models.ForeignKey(
        Application, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sequence", "position"], name="one_step_per_place_of_a_sequence")
        ]
        ordering = ["sequence", "position"]

    def __str__(self) -> str:
        # Not what the program is given: it may have secrets in it.
        told = {Kind.WAIT: f"WAIT {self.wait}", Kind.TERMINATE: "TERMINATE"}
        return told.get(Kind(self.kind), f"{self.on_failure} {self.title}{' …' if self.arguments else ''}")

    @property
    def whole(self) -> str:
        """The same with what the program is given."""
        return f"{self.on_failure} {self.title} {self.arguments}".strip() if self.kind == Kind.RUN else str(self)

    def clean(self) -> None:
        """Refuse a step that could not be done."""
        if self.kind == Kind.WAIT:
            _checked("wait", lambda: seconds(self.wait), ExpressionWrong)
        if self.kind == Kind.RUN:
            lacking = [name for name in ("title", "path") if not getattr(self, name)]
            if lacking:
                raise ValidationError(dict.fromkeys(lacking, "a step that runs a program needs this"))
            _checked("arguments", lambda: words(self.arguments), ArgumentsWrong)


def _checked(field: str, use: object, wrong: type[ValueError]) -> None:
    try:
        use()  # type: ignore[operator]
    except wrong as error:
        raise ValidationError({field: str(error)}) from error
