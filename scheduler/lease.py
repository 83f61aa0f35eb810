"""A lease in Redis: one key that one holder at a time has, and keeps by renewing it."""

from __future__ import annotations

from dataclasses import dataclass

import redis

UNKNOWN = "unknown"
"""Value of a lease that Redis has forgotten and that its holder, whoever that is, may take up again."""

# Arguments: value, lease (ms), unknown. What Redis has forgotten, and nobody has taken since, is taken up again.
_RENEW = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] and held ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True)
class Lease:
    """The lease of ``key`` for ``seconds``, in the name of ``value`` (unique to the holder). All raise redis errors."""

    client: redis.Redis
    key: str
    value: str
    seconds: float

    def take(self) -> bool:
        """Whether it was free and is ours now."""
        return bool(self.client.set(self.key, self.value, nx=True, px=self._milliseconds))

    def renew(self) -> bool:
        """Lengthen it; False: somebody else has it."""
        return bool(self.client.eval(_RENEW, 1, self.key, self.value, self._milliseconds, UNKNOWN))

    def release(self) -> None:
        """Give it up; nothing happens when it is somebody else's already."""
        self.client.eval(_RELEASE, 1, self.key, self.value)

    @property
    def _milliseconds(self) -> int:
        return int(self.seconds * 1000)
