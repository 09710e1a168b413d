"""`foveate fit`: one arm, one seed."""

from foveate.cli.flags import DataFlags, ModelFlags, TrainingFlags


def fit(
    data: str,
    model: ModelFlags,
    training: TrainingFlags,
    images: DataFlags,
    *,
    arm: str = "none",
    epochs: int = 30,
    seed: int = 0,
    out: str = "runs/fit",
    resume: bool = False,
) -> None:
    """Train one arm on your images and score it on the test images.

    Args:
        data: a folder of images with masks or of class folders, or the word synthetic.
        arm: the attention and where it sits, such as cbam@decoder or "smooth@encoder5(threshold=0.4)".
        epochs: passes over the training images.
        seed: of the initial weights, the order of the images and the augmentation.
        out: the run directory.
        resume: go on from the last finished epoch in --out.

    Example:
      foveate fit photos/ --arch unet --encoder resnet18 --arm cbam@decoder \\
        --size 192x256 --epochs 20 --seed 0 --out runs/a
    """
