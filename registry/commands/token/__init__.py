"""``manage.py token create|list|revoke``."""
