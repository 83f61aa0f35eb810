"""The catalogue: every change is one record of one ordered log; readers hold immutable snapshots.

In: change sets in names (``changes.py``). Out: snapshots of frames by id (``snapshot.py``), as declared in ``schema.py``.
Other components use ``client.py`` only, and the pure modules on frames (``partitions.py``, ``paths.py``, ``policy/``).
Read ``schema.py``, ``changes.py``, ``resolve.py`` (what a change set means), then ``leader.py``.
"""
