"""``manage.py sequence import|export|list|start|stop|show``."""
