"""The API under ``/api/v1/``: resources that are read in pages or as streams, in five formats, at any version of the inventory.

In: requests. Out: pages, streams, problem documents. Reading: ``columns.py`` says what rows have, ``asked.py`` what a call
wants of them, ``frames.py`` finds them in a snapshot (``rows.py`` in the database), ``formats.py`` writes them,
``reading.py`` has the views that put these together; read that first. ``inventory/`` declares the inventory's resources.
"""
