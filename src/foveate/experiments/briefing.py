"""Notes before training starts: the weights of the encoder, what a control is, and what the folds test."""

from foveate.data.synthetic.source import is_synthetic, parse
from foveate.experiments.plan import Plan
from foveate.models.receptive_field import receptive_field
from foveate.specs.model import ModelSpec
from foveate.training.build import seeded_model

PRETRAINED = "The encoder starts from ImageNet weights."
RANDOM = (
    "The encoder starts from random weights: no ImageNet weights of it could be downloaded. Scores will "
    "be lower than with pretraining, and an arm may help a random encoder but not a pretrained one. "
    "--encoder-weights FILE.safetensors works offline; --encoder-weights none asks for random weights."
)


def weights_note(asked: ModelSpec, resolved: ModelSpec) -> str:
    """Return which weights "auto" became, in words; empty where the user named them or there is no choice.

    >>> weights_note(ModelSpec(encoder_weights="none"), ModelSpec(encoder_weights="none"))
    ''
    """
    if asked.encoder_weights != "auto" or resolved.encoder == "none":
        return ""
    return RANDOM if resolved.encoder_weights == "none" else PRETRAINED


def control_note(plan: Plan) -> str:
    """Return why the host cannot solve a control alone, with its receptive field; empty for other data."""
    source = plan.spec.data.source
    if not is_synthetic(source) or not (drawn := parse(source).drawing).is_control:
        return ""
    host = seeded_model(plan.spec.model, len(plan.data.classes), plan.spec.first_seed)
    height, width = receptive_field(host, plan.data.size)
    rows, columns = plan.data.size
    return (
        f"This is a control. {drawn.why} An output of this host depends on {height}x{width} pixels of the "
        f"{rows}x{columns} image."
    )


def folds_note(plan: Plan) -> str:
    """Return how many images the seeds test together; empty without folds."""
    if not plan.folds:
        return ""
    tested, images = len(plan.test_stems), len(plan.data.dataset)
    every = f"all {images} images" if tested == images else f"{tested} of {images} images"
    return f"Each seed tests another of {len(plan.folds)} folds; together they test {every}."


def one_group_note(plan: Plan) -> str:
    """Return that no verdict is possible because all test images are of one group; empty otherwise."""
    groups = {plan.groups.get(stem, stem) for stem in plan.test_stems}
    if len(groups) > 1 or len(plan.test_stems) == 1:
        return ""
    return (
        f"Warning: all {len(plan.test_stems)} test images are of one group ('{groups.pop()}'), so this "
        "comparison can give no interval and no verdict. Take smaller groups (--group), or test images of "
        "more groups."
    )
