"""Access to sites' storage: LFNs go in, nothing outside the site's root is ever touched.

``storage_for`` gives the :class:`~fileops.storage.base.Storage` of a site by the scheme of its backend URL: ``file://``
(``local.py``) or ``root://`` (``xrootd.py``). Every error is a :class:`~fileops.errors.StorageError` with an errno.
Read ``base.py`` first.
"""

from fileops.storage.base import Entry, Storage
from fileops.storage.factory import storage_for, storage_of

__all__ = ["Entry", "Storage", "storage_for", "storage_of"]
