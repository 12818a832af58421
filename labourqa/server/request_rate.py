"""The limit of requests a minute for each client."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from labourqa.errors import BusyError


class RequestRate:
    """Counts the requests of each client within the last minute."""

    def __init__(self, requests_per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(requests_per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, client: str) -> None:
        """Count a request. Raises BusyError when the client has used its requests up."""
        if self._limiter.hit(self._limit, client):
            return
        oldest_expires = self._limiter.get_window_stats(self._limit, client).reset_time
        raise BusyError(
            f"You sent more than {self._limit.amount} requests within a minute; go on more slowly.",
            retry_after_seconds=max(1, math.ceil(oldest_expires - time.time())),
        )
