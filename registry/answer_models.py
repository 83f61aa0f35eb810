"""Answers kept for clients that ask the same again with the same idempotency key."""

from __future__ import annotations

from django.db import models


class KeptAnswer(models.Model):
    """The answer to one POST of a user with an idempotency key; ``status`` null: it is being made, or whoever made it died.

    ``key`` and ``digest`` are SHA-256: of user and key, and of the request (method, path, query and body).
    """

    user = models.CharField(max_length=150)
    key = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64)
    begun = models.DateTimeField(db_index=True)
    attempt = models.PositiveIntegerField(default=1)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)

    def __str__(self) -> str:
        return f"answer {self.pk} to {self.user}"
