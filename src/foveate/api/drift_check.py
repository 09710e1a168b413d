"""Tell, while images are predicted, whether they still resemble the validation images of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveate.data.dataset import Pixels
    from foveate.prediction.assemble import Prediction
    from foveate.prediction.predictor import Predictor
    from foveate.watching.drift import Drift
    from foveate.watching.signs import Signs


class DriftCheck:
    """Predicts images, and keeps their signs to compare them with the run's.

    run: whose baseline is meant. predictor: the network; own: whether it is that of the run. images: how many
    there will be. Raises `UserError` if the run has no baseline, or for too few images.
    """

    def __init__(self, run: str | Path, predictor: "Predictor", own: bool, images: int):
        from foveate.watching.baseline import baseline_of
        from foveate.watching.drift import check_counts

        self.predictor = predictor
        self.before = baseline_of(run, predictor if own else None)
        self.now: list[Signs] = []
        check_counts(len(self.before), images)

    def predict_pixels(self, pixels: "Pixels") -> "Prediction":
        """Return what the predictor's own `predict_pixels` returns."""
        from foveate.watching.watcher import watched_prediction

        prediction, signs = watched_prediction(self.predictor, pixels)
        self.now.append(signs)
        return prediction

    def result(self) -> "tuple[Drift, ...]":
        """Return the drift of each sign; nothing if too few images could be predicted whole."""
        from foveate.watching.drift import FEWEST, drift

        return drift(self.before, self.now) if len(self.now) >= FEWEST else ()
