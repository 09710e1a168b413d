"""Estimate the time left for work that advances evenly."""

MIN_SECONDS = 2.0
"""Least time measured before an estimate is given."""

MIN_REPORTS = 2
"""Least number of reports, after the first, before an estimate is given."""


class Pace:
    """The pace since the first report. Work before it, such as loading, happens once and does not count.

    >>> pace = Pace()
    >>> [pace.left(done, 64, now) for done, now in ((1, 20.0), (2, 21.5), (3, 23.0))]
    [None, None, 91.5]
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._reports = 0

    def left(self, done: float, total: float, now: float) -> float | None:
        """Return the seconds left with `done` of `total` done at time `now` (s); None while it is unknown.

        If `done` falls below its first value, a new task has begun and the pace is measured anew.
        """
        if self._first is None or done < self._first[0]:
            self._first, self._reports = (done, now), 0
            return None
        self._reports += 1
        finished, elapsed = done - self._first[0], now - self._first[1]
        if self._reports < MIN_REPORTS or elapsed < MIN_SECONDS or finished <= 0:
            return None
        return elapsed / finished * (total - done)
