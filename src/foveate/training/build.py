"""Build the model, the loss and the training task of a run from its spec and its data."""

import torch

from foveate.data.one_class import is_against_rest
from foveate.errors import UserError, choose
from foveate.loading.module import DataModule
from foveate.models.create import check_no_arguments, create_model, published_with_one_logit, resolve_encoder
from foveate.models.host import Host
from foveate.plain import to_plain
from foveate.specs.model import ModelSpec
from foveate.specs.run import RunSpec
from foveate.specs.training import TrainingSpec
from foveate.training.class_weights import class_weights
from foveate.training.losses import Loss, create_loss, loss_names
from foveate.training.task import Task


def build_task(spec: RunSpec, data: DataModule) -> Task:
    """Return the task of a run. Raise `UserError` if model, data and loss do not fit together."""
    one_logit = is_against_rest(data.classes) and published_with_one_logit(spec.model.arch)
    scale = data.scale
    model = seeded_model(spec.model, len(data.classes), spec.seed, one_logit, data.dataset.channels)
    if scale is not None:
        model.set_normalisation(scale.mean, scale.std)
    if model.task != data.task:
        targets = {"segmentation": "masks", "classification": "labels"}
        raise UserError(
            f"{spec.data.source} has {targets[data.task]} but the host '{spec.model.arch}' is for "
            f"{targets[model.task]}; choose an arch (--arch) for {data.task}, or name none"
        )
    model.notes = {
        "task": data.task,
        "classes": list(data.classes),
        "colors": to_plain(data.dataset.colors),
        "size": list(data.size),
        "test_scales": list(spec.data.test_scales),
        "test_flip": spec.data.test_flip,
        **({} if scale is None else {"bands": to_plain(scale)}),
        **({"table": list(data.dataset.table)} if data.dataset.table else {}),
    }
    encoder = model.network.get_submodule(model.encoder) if model.encoder else None
    loss = build_loss(spec.training, data, one_logit)
    return Task(model, loss, spec.part, data.task, len(data.classes), encoder, spec.after)


def seeded_model(
    spec: ModelSpec, classes: int, seed: int, one_logit: bool = False, in_channels: int = 3
) -> Host:
    """Return the model of a run before its first step. one_logit, in_channels: see `create_model`.

    The host's weights are drawn before attention is attached: all arms of one seed begin with the same host.

    >>> host, arm = (seeded_model(ModelSpec(arm=arm), 2, seed=0) for arm in ("none", "cbam@decoder"))
    >>> all(torch.equal(value, arm.state_dict()[name]) for name, value in host.state_dict().items())
    True
    """
    check_no_arguments(spec.options)
    spec = resolve_encoder(spec)
    torch.manual_seed(seed)
    return create_model(
        spec.arch,
        spec.encoder,
        None if spec.encoder_weights == "none" else spec.encoder_weights,
        in_channels,
        classes=classes,
        arm=spec.arm,
        gate=spec.gate,
        one_logit=one_logit,
        **spec.options,
    )


def build_loss(spec: TrainingSpec, data: DataModule, one_logit: bool = False) -> Loss:
    """Return the loss that the spec names, with class weights counted over the training images.

    Binary cross entropy (bce) of one logit z equals cross entropy (ce) of the two logits 0 and z.
    """
    default = "dice_ce" if data.task == "segmentation" else "ce"
    names = loss_names(data.task)
    name = default if spec.loss == "auto" else choose(spec.loss, names, f"loss for {data.task}")
    if one_logit and name == "bce":
        name = "ce"
    weights = None
    if spec.class_weights != "none":
        weights = class_weights(torch.from_numpy(data.dataset.class_counts), spec.class_weights)
    return create_loss(name, len(data.classes), class_weights=weights, label_smoothing=spec.label_smoothing)
