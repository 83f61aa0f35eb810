"""``manage.py sources list|check|run|kinds``."""
