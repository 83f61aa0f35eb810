"""Which files hold the requests that left the database."""

from __future__ import annotations

from django.db import models


class RequestArchive(models.Model):
    """One Parquet file of ended requests; noted in the transaction that took them out of the database."""

    file = models.CharField(max_length=255, unique=True)
    first = models.BigIntegerField("first number", db_index=True)
    last = models.BigIntegerField("last number")
    requests = models.PositiveIntegerField()
    written = models.DateTimeField()

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return self.file
