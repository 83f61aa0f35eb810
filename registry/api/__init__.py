"""The API under ``/api/v1/``: resources that are read in pages or as streams, in five formats, at any version of the inventory.

In: requests. Out: pages, streams, problem documents. Reading: ``fields.py`` says what a resource has, ``asked.py`` what a call
wants of it, ``frames.py`` and ``querysets.py`` find it in a snapshot or in the database, ``formats.py`` writes it,
``reading.py`` has the views that put these together; read that first. ``inventory/`` declares the inventory's resources.
"""
