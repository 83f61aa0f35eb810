"""The update log in the database: who leads, the records, and how far each follower has read."""

from __future__ import annotations

from django.db import IntegrityError, models, transaction


class Leadership(models.Model):
    """The only row tells who may append, and with what numbers the next record goes on.

    Every append locks this row and compares its epoch: a server that was overtaken cannot write.
    """

    epoch = models.BigIntegerField(default=0)
    host = models.CharField(max_length=255, blank=True)
    process = models.BigIntegerField(default=0)
    url = models.CharField(max_length=255, blank=True)
    seen = models.BigIntegerField(default=0, help_text="last sign of life, UTC seconds")
    head = models.BigIntegerField(default=0, help_text="sequence number of the last record")
    token = models.BigIntegerField(default=0, help_text="largest fencing token seen")
    next_ids = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"epoch {self.epoch}"

    def signs(self) -> tuple[int, ...]:
        """What changes as long as a leader lives."""
        return self.epoch, self.seen, self.head


LEADERSHIP_ROW = 1


def make_leadership() -> None:
    """Have the row there, so that it can be locked."""
    try:
        with transaction.atomic():
            Leadership.objects.get_or_create(pk=LEADERSHIP_ROW)
    except IntegrityError:
        # Another process made it at the same moment.
        pass


class UpdateRecord(models.Model):
    """One committed change set. Its rows are in the parts, in ids: every follower applies the same."""

    sequence = models.BigIntegerField(primary_key=True)
    epoch = models.BigIntegerField()
    transaction = models.CharField(max_length=255, unique=True)
    author = models.CharField(max_length=150, db_index=True)
    service = models.CharField(max_length=150, blank=True)
    run = models.CharField(max_length=64, blank=True)
    token = models.BigIntegerField()
    time = models.BigIntegerField(help_text="UTC seconds")
    counts = models.JSONField(help_text="rows put and deleted by table")
    size = models.BigIntegerField(help_text="bytes in all parts")

    class Meta:
        ordering = ["-sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} by {self.author}"


class UpdatePart(models.Model):
    """A piece of a record's rows: database servers limit the size of one statement."""

    record = models.ForeignKey(UpdateRecord, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["record", "number"], name="one_part_per_number")]
        ordering = ["record", "number"]

    def __str__(self) -> str:
        return f"{self.record_id}/{self.number}"


class FollowerPosition(models.Model):
    """Number of the last record that a follower in this database has applied, written with its rows."""

    name = models.CharField(max_length=64, primary_key=True)
    sequence = models.BigIntegerField(default=0)
    step = models.BigIntegerField(default=0, help_text="pieces of the next record that are applied")
    time = models.BigIntegerField(default=0, help_text="that record's time, UTC seconds")

    def __str__(self) -> str:
        return f"{self.name} at {self.sequence}"
