"""The pages that everybody can read: what each shows (``overview.py``, …), the views, and their templates."""
