"""The history: every record of the log as Parquet, written by a follower, for audit and for the inventory as it was.

In: records of the log. Out: segments on disk, the inventory of any version, who changed what. Read ``segment.py`` (what is
on disk), ``archive.py`` (what a directory of segments holds), ``past.py`` (archive and log as one), then who uses them:
``follower.py``, ``asof.py``, ``changed.py``, ``compaction.py``.
"""
