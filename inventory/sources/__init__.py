"""Attributes of datasets (ranks, accesses) that other systems tell: where they are read from, and what is done when that goes wrong.

A source is a frozen dataclass: its fields are its configuration, its ``fetch(context)`` gives a frame of a column ``dataset`` and some of
``attributes.ATTRIBUTES``. Built in are CSV, Parquet, JSON over HTTP and logs of accesses; installations add theirs under the entry point
group ``dynamo.attribute_sources``. Read ``base.py`` first. When they are read, and what failures lead to: ``registry/sources.py``.
"""
