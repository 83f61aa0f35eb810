"""A program that runs asks the registry by the token of its run."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

from inventory import run_tokens
from registry import callers
from registry.errors import NotAuthenticated

pytestmark = pytest.mark.django_db


def called(secret: str) -> callers.Caller:
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {secret}"})
    request.user = AnonymousUser()
    return callers.caller_of(request)


def test_a_program_with_rights_is_its_user_at_the_registry_until_its_run_ends():
    alice = User.objects.create_user("alice")
    with run_tokens.issued(7, "alice", 60, acts=True) as secret:
        caller = called(secret)
        assert (caller.user, caller.service) == (alice, "run 7")
        assert caller.allows("registry")
        assert not caller.allows("inventory")
    with pytest.raises(NotAuthenticated, match="ended"):
        called(secret)


def test_a_program_that_only_reads_is_nobody():
    User.objects.create_user("alice")
    with run_tokens.issued(7, "alice", 60, acts=False) as secret, pytest.raises(NotAuthenticated, match="only reads"):
        called(secret)


def test_a_program_of_somebody_who_may_not_log_in_any_more_is_refused():
    User.objects.create_user("alice", is_active=False)
    with run_tokens.issued(7, "alice", 60, acts=True) as secret, pytest.raises(NotAuthenticated):
        called(secret)
