"""By what people and programs are known, what they may do only in part, and who tries too often."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from registry.identity.names import shorter_names


class UserDN(models.Model):
    """A certificate's distinguished name that stands for a user, written ``/DC=org/CN=Ann``."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="dns", on_delete=models.CASCADE)
    dn = models.CharField("DN", max_length=512, unique=True)

    class Meta:
        verbose_name = "user's DN"
        verbose_name_plural = "users' DNs"

    def __str__(self) -> str:
        return self.dn

    def clean(self) -> None:
        """No user's name extends another's by ``/CN=…``: a proxy of the one would be the other."""
        if not self.dn or self.user_id is None:
            return
        others = UserDN.objects.exclude(user_id=self.user_id)
        longer = Q(dn__startswith=f"{self.dn}/CN=")
        found = others.filter(longer | Q(dn__in=shorter_names(self.dn))).select_related("user").first()
        if found is not None:
            raise ValidationError(
                f"{found.dn} is {found.user.get_username()}; one of the two names extends the other, as the names of "
                "proxies do, so their certificates cannot be told apart"
            )


class TokenSubject(models.Model):
    """Who the tokens (JWT) of a configured issuer stand for: its ``subject`` is this user here."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="token_subjects", on_delete=models.CASCADE)
    issuer = models.CharField(max_length=255, help_text="one of DYNAMO_TOKEN_ISSUERS")
    subject = models.CharField(max_length=255, help_text="the claim sub of its tokens")
    service = models.CharField(max_length=255, blank=True, help_text="what acts under the user with it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="subject_once_per_issuer")]
        verbose_name = "subject of tokens"
        verbose_name_plural = "subjects of tokens"

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class ApiToken(models.Model):
    """A bearer token of a user; only a hash of it is kept. ``service``: what acts under the user with it.

    ``scopes``: targets that it is good for changing, such as ``registry``; null: whatever its user may; empty: reading only.
    ``parent``: the token that it was made with, with which it is revoked.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="api_tokens", on_delete=models.CASCADE)
    parent = models.ForeignKey("self", null=True, blank=True, related_name="children", on_delete=models.CASCADE)
    service = models.CharField(max_length=255, blank=True)
    scopes = models.JSONField(null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField()
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"token {self.pk} of {self.user}"


class RightLimit(models.Model):
    """Limits a user's role on a target to some sites and groups; several rows add up. Without a row the role is for all."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="right_limits", on_delete=models.CASCADE)
    role = models.CharField(max_length=64, help_text="e.g. operator")
    target = models.CharField(max_length=64, help_text="e.g. registry")
    sites = models.CharField(max_length=1000, blank=True, help_text="globs, separated by commas; empty: all")
    groups = models.CharField(max_length=1000, blank=True, help_text="globs, separated by commas; empty: all")

    class Meta:
        verbose_name = "limit of a right"
        verbose_name_plural = "limits of rights"

    def __str__(self) -> str:
        return f"{self.role} on {self.target} of {self.user} at {self.sites or 'all sites'} for {self.groups or 'all groups'}"


class DeviceLogin(models.Model):
    """A login that a program asked for and that its user approves in a browser, after comparing ``user_code``."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    user_code = models.CharField(max_length=16, unique=True)
    client = models.CharField(max_length=255, blank=True)
    address = models.CharField(max_length=255, blank=True)
    scopes = models.JSONField(null=True, blank=True)
    created = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)
    polled = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, related_name="device_logins", on_delete=models.CASCADE
    )
    parent = models.ForeignKey(
        ApiToken, null=True, blank=True, related_name="+", on_delete=models.CASCADE, help_text="approved with it"
    )
    denied = models.BooleanField(default=False)
    taken = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"device login {self.user_code}"


class FailedLogins(models.Model):
    """How often somebody failed to log in, by name or by address, since a time."""

    who = models.CharField(max_length=200, unique=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "failed logins"

    def __str__(self) -> str:
        return f"{self.count} by {self.who}"


class SharedEntry(models.Model):
    """A row of Django's cache, which all web processes share: such as that a code of a second factor was used."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.cache_key
