"""What is allowed in policies, partitions and rules and yet probably not meant: findings with stable codes.

In: parsed files, and, where known, the inventory's names. Out: ``findings.Finding``. Nothing here looks at a database.
Read ``findings.py`` (the table of codes), then ``policies.py`` (one policy) and ``together.py`` (several files at once);
``reach.py`` proves that lines never match, over ``space.py`` (what values predicates leave) and ``globs.py`` (texts).
"""
