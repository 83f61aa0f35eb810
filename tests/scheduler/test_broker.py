"""One address of Redis for all who need it."""

import pytest

from scheduler.broker import Sentinels, celery_broker, sentinels


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("unix:///var/redis.sock", "redis+socket:///var/redis.sock?virtual_host=0"),
        ("unix:///var/redis.sock?db=3", "redis+socket:///var/redis.sock?virtual_host=3"),
        ("redis://:pw@host:6380/1", "redis://:pw@host:6380/1"),
        ("rediss://host/0", "rediss://host/0"),
    ],
)
def test_celery_gets_the_address_in_its_own_form(url, broker):
    assert celery_broker(url) == (broker, {})


def test_sentinels_are_told_to_celery_with_their_master():
    url = "sentinel://:pw@a:26379,b/dynamo/2"
    assert celery_broker(url) == (
        "sentinel://:pw@a:26379/2;sentinel://:pw@b:26379/2",
        {"master_name": "dynamo"},
    )
    assert sentinels(url) == Sentinels((("a", 26379), ("b", 26379)), "dynamo", 2, "pw")


def test_a_password_may_hold_what_means_something_in_a_url():
    url = "sentinel://:p%40s%2Fs@a:26379/dynamo/0"
    told = sentinels(url)
    assert told is not None
    assert told.password == "p@s/s"
    assert celery_broker(url)[0] == "sentinel://:p%40s%2Fs@a:26379/0"


def test_a_sentinel_without_its_masters_name_is_refused():
    with pytest.raises(ValueError, match="name-of-master"):
        sentinels("sentinel://a:26379")
