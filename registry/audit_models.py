"""What was changed by whom; rows are added, never changed or deleted."""

from __future__ import annotations

from typing import Any

from django.db import models


class AppendOnly(Exception):
    """Somebody tries to change or delete what is kept for ever."""


class _AppendOnlyRows(models.QuerySet["AuditRecord"]):
    def update(self, **values: Any) -> int:
        raise AppendOnly("the audit log is only added to")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("the audit log is only added to")

    def bulk_update(self, *args: Any, **options: Any) -> int:
        raise AppendOnly("the audit log is only added to")


class AuditRecord(models.Model):
    """One change: who (``user``, with these ``roles``, for this ``service``), how that was known, from where, and what.

    ``action`` is such as ``request.cancel``, ``target`` what was changed, such as ``copy request 17``. ``before`` and ``after``
    hold what is different; null: it was not there before, or is not any more.
    """

    time = models.DateTimeField(db_index=True)
    user = models.CharField(max_length=150, db_index=True)
    roles = models.TextField(blank=True)
    method = models.CharField("known by", max_length=16, blank=True)
    service = models.CharField(max_length=255, blank=True)
    address = models.CharField("from", max_length=255, blank=True)
    action = models.CharField(max_length=100, db_index=True)
    target = models.CharField(max_length=600, db_index=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)

    objects = _AppendOnlyRows.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} of {self.target} by {self.user}"

    def save(self, *args: Any, **options: Any) -> None:
        """Add the row. Raises AppendOnly for one that is there."""
        if self.pk is not None:
            raise AppendOnly("the audit log is only added to")
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        """Raises AppendOnly."""
        raise AppendOnly("the audit log is only added to")
