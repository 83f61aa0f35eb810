"""Idempotency keys: a POST that is sent again with the same key gets the same answer, and does nothing a second time.

A row is claimed first, in a transaction of its own, so that the same call at the same instant waits outside. Change and answer
are then committed together: whoever dies in between has done nothing, and the next call with the key takes the claim over.
Only successes are kept; after an error the key is free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from registry.answer_models import KeptAnswer
from registry.api.problems import Invalid, KeyReused, Wrong
from registry.errors import Busy, Conflict
from registry.settings import registry_settings

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_LONGEST = 255
_KEPT_HEADERS = ("Location", "Dynamo-Version")
_TAKEN_OVER_AFTER = timedelta(seconds=60)
_AT_ONCE = 200
Handler = Callable[[], HttpResponseBase]


class KeyInUse(Conflict):
    """A call with this key is being answered just now; in a second the answer may be there."""

    retry_after = 1


def once(request: Request, handler: Handler, *, atomic: bool, secrets: Collection[str] = ()) -> HttpResponseBase:
    """The answer of ``handler``, or the one that was kept for the request's key. Raises KeyReused, KeyInUse, Invalid.

    ``atomic``: the handler changes nothing but the database, so that change and answer can be one transaction.
    ``secrets``: fields of the answer that are shown once and kept nowhere; when it is given again, they are empty.
    """
    key = request.headers.get(HEADER)
    if key is None or request.auth is None:
        return handler()
    if not (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        raise Invalid([Wrong(HEADER, f"1 to {_LONGEST} printable ASCII characters are expected")])
    digest = _sha256(request.method, request.get_full_path(), request._request.body)
    claim = _claimed(request.auth.name, _sha256(request.auth.name, key), digest)
    return _replayed(claim) if claim.status is not None else _kept(claim, handler, atomic, secrets)


def _claimed(user: str, key: str, digest: str) -> KeptAnswer:
    """The row of this key: new or taken over (``status`` null), or with the kept answer."""
    now = timezone.now()
    forget_expired(user)
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(user=user, key=key, digest=digest, begun=now)
    except IntegrityError:
        row = KeptAnswer.objects.filter(key=key).first()
    if row is None:
        raise Busy("a call with this idempotency key has just failed; send it again", 1)
    if row.digest != digest:
        raise KeyReused(
            "this idempotency key was sent with another request (path, query or body); take a new key for each request"
        )
    if row.status is not None:
        return row
    mine = KeptAnswer.objects.filter(pk=row.pk, attempt=row.attempt, status=None, begun__lt=now - _TAKEN_OVER_AFTER)
    if not mine.update(begun=now, attempt=row.attempt + 1):
        raise KeyInUse("a call with this idempotency key is being answered just now; ask again in a second")
    row.attempt += 1
    return row


def _kept(claim: KeptAnswer, handler: Handler, atomic: bool, secrets: Collection[str]) -> HttpResponseBase:
    try:
        if not atomic:
            return _stored(claim, handler(), secrets)
        with transaction.atomic():
            return _stored(claim, handler(), secrets)
    except BaseException:
        # Also an answer that is kept already, where what was to follow its transaction could not be done.
        KeptAnswer.objects.filter(pk=claim.pk, attempt=claim.attempt).delete()
        raise


def _stored(claim: KeptAnswer, answer: HttpResponseBase, secrets: Collection[str]) -> HttpResponseBase:
    if not isinstance(answer, Response):
        raise TypeError(f"{type(answer).__name__}: its body cannot be kept for an idempotency key; give a Response")
    data = answer.data
    if secrets and isinstance(data, Mapping):
        data = {name: "" if name in secrets else value for name, value in data.items()}
    body = b"" if data is None else JSONRenderer().render(data)
    headers = {name: answer[name] for name in _KEPT_HEADERS if answer.has_header(name)}
    mine = KeptAnswer.objects.filter(pk=claim.pk, attempt=claim.attempt)
    if not mine.update(status=answer.status_code, headers=headers, body=body):
        raise KeyInUse("another call with this idempotency key took over, as this one took long; ask again in a second")
    return answer


def _replayed(row: KeptAnswer) -> HttpResponse:
    answer = HttpResponse(bytes(row.body), status=row.status, content_type="application/json")
    for name, value in {**row.headers, REPLAYED: "true"}.items():
        answer[name] = value
    return answer


def forget_expired(user: str | None = None) -> int:
    """Forget answers (of ``user``, or of everybody) that are older than the setting; how many."""
    before = timezone.now() - timedelta(hours=registry_settings().keep_answers_hours)
    expired = KeptAnswer.objects.filter(begun__lt=before)
    if user is not None:
        expired = expired.filter(user=user)
    numbers = list(expired.values_list("pk", flat=True)[:_AT_ONCE])
    return KeptAnswer.objects.filter(pk__in=numbers).delete()[0] if numbers else 0


def _sha256(*parts: str | bytes | None) -> str:
    found = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else (part or "").encode()
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.hexdigest()
