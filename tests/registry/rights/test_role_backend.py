"""Roles give the permissions that the administration pages ask for."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.core.exceptions import PermissionDenied

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
    assert not user.has_perm(permission)
    with pytest.raises(PermissionDenied):
        RoleBackend().has_perm(user, permission)


@pytest.mark.django_db
@pytest.mark.parametrize("permission", ROLES)
def test_where_a_role_decides_no_permission_does(permission):
    user = User.objects.create_user("olga")
    user.user_permissions.set(Permission.objects.filter(codename=permission.split(".")[1]))
    assert user.user_permissions.exists() and not user.has_perm(permission)


def test_nobody_may_nothing():
    assert not any(AnonymousUser().has_perm(permission) for permission in ROLES)
