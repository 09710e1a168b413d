"""The Lightning module of training: model, loss, optimiser, and scores on the validation images."""

from typing import Any

import torch
from jaxtyping import Float, Int
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics.classification import MulticlassConfusionMatrix

from foveate.data.pixels.masks import IGNORE
from foveate.models.attaching.refiners import forward_with_auxiliary
from foveate.specs.training import TrainingSpec
from foveate.training.dilated import keep_dilated_in_float32
from foveate.training.losses import Loss
from foveate.training.opening import OpeningMeter
from foveate.training.optimization import create_optimizer, create_schedule, parameter_groups


class Task(LightningModule):
    """Train semantic segmentation or classification on the batches of a `DataModule`.

    Validation logs `val_loss` and the `scores()` of one confusion matrix over all validation images. Each of
    several processes validates on all images, and the values of the first process are logged.

    spec: of the epochs that follow the first `after`; the schedule is theirs.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        spec: TrainingSpec,
        task: str,
        classes: int,
        encoder: nn.Module | None = None,
        after: int = 0,
    ):
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)
        keep_dilated_in_float32(self.model)
        self.loss = loss
        self.spec, self.after = spec, after
        self.encoder = (encoder,)  # in a tuple, so that its weights are not registered twice
        self.target = "mask" if task == "segmentation" else "label"
        self.score_name = score_name(task)
        self.opening = OpeningMeter(self.model)
        self.confusion = MulticlassConfusionMatrix(
            classes, ignore_index=IGNORE, validate_args=False, sync_on_compute=False
        )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Float[Tensor, ""]]:
        """Return the loss with weighted auxiliary losses of attention, their unweighted sum, and accuracy.

        The accuracy is that of the augmented batch, before the step.
        """
        image, target = _channels_last(batch["image"]), batch[self.target]
        logits, losses = forward_with_auxiliary(self.model, image, target)
        loss = self.loss(logits, target)
        shown = {"accuracy": _accuracy(logits.detach(), target)}
        if not losses:
            return {"loss": loss, **shown}
        auxiliary = sum(losses.values())
        total = loss + self.spec.auxiliary_weight * auxiliary
        return {"loss": total, "auxiliary": auxiliary.detach(), **shown}

    def on_validation_epoch_start(self) -> None:
        self.confusion.reset()
        self.val_loss = torch.zeros(2, device=self.device)
        self.opening.start()

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        logits, target = self.model(_channels_last(batch["image"])), batch[self.target]
        self.val_loss += torch.stack([self.loss(logits, target), self.val_loss.new_ones(())]) * len(target)
        self.confusion.update(logits.argmax(1), target)

    def on_validation_epoch_end(self) -> None:
        total, images = self.val_loss.tolist()
        self.opening.stop()
        metrics = {
            "val_loss": total / images,
            **scores(self.confusion.compute(), self.target == "mask"),
            **self.opening.values(),
        }
        self.log_dict(self.trainer.strategy.broadcast(metrics), logger=False)

    def configure_gradient_clipping(self, optimizer: Optimizer, **_: Any) -> None:
        # Lightning's own clipping refuses fused optimisers, even if no gradient is scaled.
        if self.spec.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.spec.clip, foreach=True)

    def configure_optimizers(self) -> dict[str, Any]:
        epochs = self.trainer.max_epochs or self.spec.epochs
        steps = int(self.trainer.estimated_stepping_batches) * (epochs - self.after) // epochs
        groups = parameter_groups(self.model, self.encoder[0], self.spec, steps)
        # fp16 scales gradients, and a fused step would unscale them only after clipping.
        fused = self.trainer.precision != "16-mixed"
        optimizer = create_optimizer(groups, self.spec, fused)
        schedule = create_schedule(optimizer, steps, self.spec)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def score_name(task: str) -> str:
    """Return the score that `monitor="score"` means: mIoU for segmentation, accuracy for classification."""
    return "val_miou" if task == "segmentation" else "val_accuracy"


def scores(confusion: Int[Tensor, "true predicted"], masks: bool) -> dict[str, float]:
    """Return mIoU (masks) or mean class accuracy (labels), and accuracy, in [0, 1].

    Means skip absent classes.

    >>> scores(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]]), masks=True)
    {'val_miou': 0.775, 'val_accuracy': 0.875}
    """
    counts = confusion.double()
    hits, true = counts.diagonal(), counts.sum(1)
    accuracy = (hits.sum() / counts.sum()).item()
    if masks:
        return {"val_miou": (hits / (true + counts.sum(0) - hits)).nanmean().item(), "val_accuracy": accuracy}
    return {"val_accuracy": accuracy, "val_mean_accuracy": (hits / true).nanmean().item()}


def _accuracy(logits: Float[Tensor, "b classes *size"], target: Int[Tensor, "b *size"]) -> Float[Tensor, ""]:
    """Return the share of right classes, without ignored pixels; 1 if all are ignored."""
    wrong = ((logits.argmax(1) != target) & (target != IGNORE)).sum()
    return 1 - wrong / (target != IGNORE).sum().clamp(min=1)


def _channels_last(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return image.contiguous(memory_format=torch.channels_last)
