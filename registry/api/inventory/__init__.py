"""The inventory's resources: each declares its fields, and where its rows come from; ``urls.py`` has their addresses."""
