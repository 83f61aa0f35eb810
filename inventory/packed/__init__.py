"""The packed form of the image's rows: how chunks are held in memory and on disk, a third of what the columns take.

In: rows of one chunk with the columns of ``schema.TABLES``, sorted by key. Out: the same, exactly, column by column and
row by row as asked. Each column is packed as its declaration says: ``numbers.py`` for whole numbers and codes, ``texts.py``
for names; ``columns.py`` chooses; read ``rows.py`` first.
"""

from inventory.packed.rows import PackedRows, joined, pack

__all__ = ["PackedRows", "joined", "pack"]
