"""A whole Dynamo with real small storage sites on one machine: for the demo, for tests and for trials.

In: a seed. Out: running services under one home directory, sites full of real files, and the story that
``make demo`` tells. Read ``story.py`` first, then ``services.py`` (what is started) and ``catalogue.py`` (what data).
"""
