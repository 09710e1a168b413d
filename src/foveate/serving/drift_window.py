"""Drift of the images that a server gets, window by window."""

from collections.abc import Sequence

from foveate.serving.logs import log
from foveate.serving.metrics import Metrics
from foveate.watching.drift import drift
from foveate.watching.signs import Signs


class DriftWindow:
    """Compares each `size` images with the baseline, for metrics and log.

    Windows do not overlap: each is one comparison, at the rate of false alarms of `foveate.watching.drift`.
    """

    def __init__(self, baseline: Sequence[Signs], size: int, metrics: Metrics):
        self.baseline, self.size, self.metrics = baseline, size, metrics
        self.signs: list[Signs] = []

    def add(self, signs: Signs) -> list[Signs]:
        """Take the signs of an image; return those of the whole window if it is full, and begin anew."""
        self.signs.append(signs)
        full, self.signs = (self.signs, []) if len(self.signs) == self.size else ([], self.signs)
        self.metrics.window.set(len(self.signs))
        return full

    def judge(self, window: Sequence[Signs]) -> None:
        """Compare the images of a window with the baseline."""
        found = drift(self.baseline, window)
        for sign in found:
            self.metrics.drift_index.labels(sign.sign).set(sign.index)
            self.metrics.drift_found.labels(sign.sign).set(sign.found)
        log("window", images=len(window), drift=[str(sign) for sign in found if sign.found])
