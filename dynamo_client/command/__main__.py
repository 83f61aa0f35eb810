"""``python -m dynamo_client.command``: the same as ``dynamo``."""

import sys

from dynamo_client.command import main

sys.exit(main())
