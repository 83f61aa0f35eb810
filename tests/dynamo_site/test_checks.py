"""Wrong settings are told at every start."""

import pytest
from django.core.checks import run_checks


def _found(identity):
    return [str(message.msg) for message in run_checks() if message.id == identity]


def test_good_settings_are_not_complained_of():
    assert not [message for message in run_checks() if message.id.startswith("dynamo.")]


@pytest.mark.parametrize(("url", "told"), [("http://host", "unknown form"), ("sentinel://host", "name-of-master")])
def test_an_address_of_redis_that_cannot_be(settings, url, told):
    settings.REDIS_URL = url
    assert told in _found("dynamo.E001")[0]


def test_networks_that_are_none_and_tokens_that_can_be_guessed(settings):
    settings.METRICS_NETWORKS = ["10.0.0.1/8", "10.0.0.0/8"]
    settings.METRICS_TOKEN = "sesame"
    assert len(_found("dynamo.E002")) == 1
    assert _found("dynamo.W001")
