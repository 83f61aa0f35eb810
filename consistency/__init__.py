"""Checks that a site holds what the inventory believes it holds, repairs what differs, cleans production's areas.

In: a site's directories (listed through ``fileops.storage`` or read from a dump), the inventory before and after the
listing, open operations and requests. Out: lists of missing, orphan, mismatched, empty and unlisted things per run,
and, unless the run is dry, change sets, subscriptions and unmanaged deletions. Read ``compare.py`` first, then ``engine.py``.
"""
