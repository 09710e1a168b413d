"""Attention maps as further outputs of an exported network, beside the logits."""

from collections.abc import Callable
from contextlib import ExitStack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foveate.attention.maps import AcrossLevelsMap, AttentionMap, FactorMap, PairwiseMap
from foveate.errors import UserError
from foveate.inspection.record import mechanisms
from foveate.models.host import Host

CENTRE = "the query is the position in the centre of the map"


class WithMaps(nn.Module):
    """A host that returns (logits, map, map, ...): every map of its attention, by the names in `outputs`.

    A map of factors is given as factors of the features, a map of pairs as the attention of the position in
    the centre. Raises `UserError` for a host without attention.
    """

    def __init__(self, host: Host, example: Tensor):
        super().__init__()
        if not mechanisms(host):
            raise UserError(
                "--with-maps: the run has no attention, whose maps could be exported (its arm is "
                f"{host.config['arm']}); leave --with-maps out"
            )
        self.host = host
        self.outputs: dict[str, dict[str, str]] = {}
        with torch.no_grad():
            self._maps(example)

    def forward(self, image: Float[Tensor, "b c h w"]) -> tuple[Tensor, ...]:
        logits, maps = self._maps(image)
        return logits, *maps

    def _maps(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps: list[Tensor] = []
        busy: list[bool] = []
        self.outputs.clear()

        def record(label: str) -> Callable[[nn.Module, tuple, Tensor], None]:
            def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
                if busy:  # `weights` may call the module itself
                    return
                busy.append(True)
                for number, one in enumerate(module.weights(*args, queries=_centre(module, args[0]))):
                    self.outputs[_name(label, number)] = _description(label, one)
                    maps.append(_values(one))
                busy.pop()

            return hook

        with ExitStack() as hooks:
            for label, module in mechanisms(self.host).items():
                hooks.callback(module.register_forward_hook(record(label)).remove)
            return self.host(image), maps


def _centre(module: nn.Module, x: Tensor) -> Tensor:
    grid = module.query_grid(x) if hasattr(module, "query_grid") else x.shape[-2:]
    return torch.full((1,), grid[0] // 2 * grid[1] + grid[1] // 2)


def _values(one: AttentionMap) -> Tensor:
    match one:
        case FactorMap():
            return one.factor
        case PairwiseMap():
            return one.values[:, :, 0].mean(1).unflatten(-1, one.grid)
        case AcrossLevelsMap():
            return one.values[:, :, 0].unflatten(-1, one.feature_grid)
    return one.values


def _description(label: str, one: AttentionMap) -> dict[str, str]:
    meaning = f"{one.meaning}; {CENTRE}" if isinstance(one, PairwiseMap | AcrossLevelsMap) else one.meaning
    if isinstance(one, FactorMap):
        meaning = one.effect.replace("the map", "the attention") + "; the values are that factor"
    return {"attention": label, "kind": one.kind, "meaning": meaning}


def _name(label: str, number: int) -> str:
    return f"{label}.{number}"
