"""Roles give the permissions that the administration pages ask for."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User

from registry import rights
from registry.backends import ROLES, RoleBackend


@pytest.mark.django_db
@pytest.mark.parametrize(("permission", "role"), list(ROLES.items()))
def test_operator_of_a_target_may_what_its_role_gives(permission, role):
    user = User.objects.create_user("olga")
    assert not user.has_perm(permission)
    rights.grant(user, *role)
    user = User.objects.get(pk=user.pk)
    assert user.has_perm(permission)
    assert not user.has_perm("inventory.delete_site")
    user.is_active = False
    assert not RoleBackend().has_perm(user, permission)


def test_nobody_may_nothing():
    assert not any(RoleBackend().has_perm(AnonymousUser(), permission) for permission in ROLES)
