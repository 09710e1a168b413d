"""The time that even work has left, told once it is known."""

KNOWN_SECONDS = 2.0
"""A pace that was measured over less is not told."""

KNOWN_REPORTS = 2
"""Nor one of fewer reports after the first."""


class Pace:
    """The pace since the first report, which holds what is done once, such as loading.

    >>> pace = Pace()
    >>> [pace.left(done, 64, now) for done, now in ((1, 20.0), (2, 21.5), (3, 23.0))]
    [None, None, 91.5]
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._reports = 0

    def left(self, done: float, total: float, now: float) -> float | None:
        """Seconds left when `done` of `total` is done at `now`, in seconds; None while the pace is not known.

        Where less is done than at first, something else has begun.
        """
        if self._first is None or done < self._first[0]:
            self._first, self._reports = (done, now), 0
            return None
        self._reports += 1
        finished, elapsed = done - self._first[0], now - self._first[1]
        if self._reports < KNOWN_REPORTS or elapsed < KNOWN_SECONDS or finished <= 0:
            return None
        return elapsed / finished * (total - done)
