"""Tokens of programs that run: each is good for one run, and as long as that goes on."""

from __future__ import annotations

from django.db import models


class RunToken(models.Model):
    """By this a program reads the inventory while its run goes on; its secret is kept as a hash.

    ``acts``: whether it also speaks for ``author`` at the registry. No such token can commit anything.
    """

    digest = models.CharField(primary_key=True, max_length=64)
    run = models.BigIntegerField(db_index=True)
    author = models.CharField(max_length=150)
    acts = models.BooleanField(default=False)
    expires = models.BigIntegerField(help_text="UTC seconds")

    def __str__(self) -> str:
        return f"token of run {self.run}"
