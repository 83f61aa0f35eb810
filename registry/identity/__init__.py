"""By what callers are known: certificates through the web server in front, tokens of issuers, logins of devices and browsers.

``front`` tells what the web server in front says of a connection, ``names`` reads distinguished names, ``certificates`` finds
the user of one; ``issuers`` checks tokens (JWT) of other institutions; ``devices`` lets a program log in by a browser;
``attempts`` bounds guessing. Who the caller of a request is, ``registry.callers`` decides from these.
"""

from __future__ import annotations
