"""The admin pages of the inventory show, and change nothing but settings."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from inventory.changes import ChangeSet
from inventory.relational import MODELS
from tests.inventory.makers import small

_PAGES = [model for name, model in MODELS.items() if name != "replica_files"]


@pytest.fixture
def operator(client, db):
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.slow
def test_every_page_shows_what_the_tables_hold(operator, inventory):
    inventory.commit(small())
    inventory.follow()
    for model in _PAGES:
        name = model._meta.model_name
        page = operator.get(reverse(f"admin:inventory_{name}_changelist"), {"q": "T2"})
        assert page.status_code == 200, name
        if row := model.objects.first():
            assert operator.get(reverse(f"admin:inventory_{name}_change", args=[row.pk])).status_code == 200
            assert operator.post(reverse(f"admin:inventory_{name}_delete", args=[row.pk])).status_code == 403
        assert operator.get(reverse(f"admin:inventory_{name}_add")).status_code == 403
    page = operator.get(reverse("admin:inventory_updaterecord_changelist"))
    assert b"tester" in page.content


def test_all_models_that_operators_know_have_pages():
    assert all(admin.site.is_registered(model) for model in _PAGES)


def test_history_of_a_site_and_a_dataset_tells_who_changed_what(operator, inventory, settings, tmp_path):
    settings.INVENTORY_HISTORY_DIR = tmp_path
    inventory.commit(small())
    inventory.commit(
        ChangeSet("eve", 2, service="inventory set", run="17").put("sites", [{"name": "T2_A", "status": "MORGUE"}])
    )
    inventory.follow()
    site = MODELS["sites"].objects.get(name="T2_A")
    page = operator.get(reverse("admin:inventory_site_history", args=[site.pk])).content.decode()
    assert "changed sites T2_A: status READY → MORGUE" in page and "eve (inventory set, run 17)" in page
    assert "made sites T2_A" in page and "T2_B" not in page
    dataset = MODELS["datasets"].objects.get()
    page = operator.get(reverse("admin:inventory_dataset_history", args=[dataset.pk])).content.decode()
    assert "made block_replicas" in page and "tester" in page
