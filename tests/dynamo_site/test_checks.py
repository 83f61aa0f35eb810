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


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "rediss://host", "sentinel://a:26379/name"])
def test_a_redis_that_users_programs_could_write_to(settings, url):
    settings.REDIS_URL = url
    assert "password" in _found("dynamo.E003")[0]
    settings.REDIS_URL = url.replace("://", "://:secret@")
    assert not _found("dynamo.E003")


def test_a_socket_that_cannot_be_hidden_from_them(settings):
    settings.REDIS_URL = "unix:///run/redis.sock"
    assert "cannot be hidden" in _found("dynamo.W002")[0]
    settings.REDIS_URL = "unix:///run/redis/redis.sock?db=1"
    assert not _found("dynamo.W002")


@pytest.mark.parametrize("address", ["127.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "::1", "unix"])
def test_a_web_server_in_front_whom_everybody_here_could_play(settings, address):
    settings.PROXY_ADDRESSES = ["192.0.2.1", address]
    for secret in ("", "SECRET"):
        settings.PROXY_SECRET = secret
        assert len(_found("dynamo.E005")) == 1
    settings.PROXY_SECRET = "0123456789abcdef"
    assert not _found("dynamo.E005")


def test_addresses_of_a_web_server_that_are_none(settings):
    settings.PROXY_ADDRESSES = ["10.0.0.1/8", "192.0.2.1"]
    assert len(_found("dynamo.E004")) == 1
    assert not _found("dynamo.E005")
