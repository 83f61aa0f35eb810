"""``manage.py application submit|list|show|log|kill|authorise``."""
