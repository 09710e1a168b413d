"""Forward passes, watched: which submodule was called with what, and in which order they finished."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UserError
from foveate.models.places.example import Example, as_example
from foveate.models.places.modes import evaluating, zero_layers_passing
from foveate.models.places.nested import first_map, reach, replace, tensors_in
from foveate.models.places.reading import Seen


@dataclass(frozen=True)
class Call:
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any

    def reach(self, where: str, path: tuple) -> Any:
        """What a place in this call means: an "input", or the "output" or an "entry" of it."""
        return reach((self.args, self.kwargs) if where == "input" else self.output, path)


class Probe:
    """The record of one forward of `model` on `example` (see `as_example`), which leaves the model as it was.

    The forward runs in evaluation mode (no statistics move, no dropout draws), and the random state is kept.
    `cut` names the encoder: its features are passed on as fresh leaves, so that `used` can tell from their
    gradients which of them the output depends on. `network` names the part that gets the image as the network
    takes it, normalised and padded.

    Attributes:
        names: every submodule by its dotted name, the model itself as ""
        finished: names in the order in which the submodules finished
        image: the image of the example as the forward got it, a leaf
        batch: the number of images; views: how many of these batches one call gets
        output: what the model returned
        reader: the first submodule to finish that was called with the network's image
        size: height and width of what entered the encoder, or of the network's image
        features: (path, tensor) of every map in the encoder's output
    """

    def __init__(self, model: nn.Module, example: Any, cut: str | None = None, network: str = ""):
        self._example = as_example(model, example)
        self.model, self._encoder, self._network = model, cut, network
        self.names = dict(model.named_modules())
        self.finished: list[str] = []
        self.features: list[tuple[tuple, Tensor]] = []
        self._calls: dict[str, list[Call]] = {}
        self._leaves: dict[tuple, Tensor] = {}
        self._used: set[tuple] = set()
        image = self._example.image.detach().clone()
        self.image = image.requires_grad_(image.is_floating_point())
        self.batch, self.views = self._example.images, self._example.views
        self.output = self._run()
        self.reader = self._find_reader()
        self.size = self._size(self._calls)

    def calls(self, name: str) -> list[Call]:
        return self._calls.get(name, [])

    def used(self, path: tuple) -> bool:
        """Whether the output depends on the encoder's feature at `path`."""
        return path in self._used

    def seen(self, module: str, where: str, path: tuple) -> list[Seen]:
        """The shapes of a tensor in the first call of a submodule, for the images of all sizes that ran."""
        runs = [(self.size, self._calls)] + ([self._other] if self._other else [])
        return [Seen(size, tuple(calls[module][0].reach(where, path).shape)) for size, calls in runs]

    def gradients(self, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the sum of all outputs; None for tensors that they do not depend on."""
        with torch.enable_grad():
            total = sum(value.float().sum() for _, value in tensors_in(self.output) if value.requires_grad)
        if not isinstance(total, Tensor) or not tensors:
            return [None] * len(tensors)
        return list(torch.autograd.grad(total, tensors, retain_graph=True, allow_unused=True))

    def changed(self, modules: Iterable[str]) -> tuple[dict[str, Tensor], dict[tuple, Tensor]]:
        """Run the encoder again with 1 added to the output of each of `modules`.

        Returns those outputs by name, and the encoder's features by path.
        """
        outputs: dict[str, Tensor] = {}
        features: dict[tuple, Tensor] = {}

        def add_one(name: str, module: nn.Module, args: tuple, output: Tensor) -> Tensor:
            outputs[name] = output + 1
            return outputs[name].clone()

        def stop(module: nn.Module, args: tuple, output: Any) -> None:
            features.update(tensors_in(output))
            raise _EncoderDone

        handles = [
            self.names[name].register_forward_hook(partial(add_one, name), prepend=True) for name in modules
        ]
        handles.append(self.names[self._encoder].register_forward_hook(stop))
        try:
            with evaluating(self.model), torch.random.fork_rng(devices=[]), torch.no_grad():
                self._example.call(self.model)
        except _EncoderDone:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return outputs, features

    def _run(self) -> Any:
        try:
            with torch.enable_grad(), zero_layers_passing(self.model):
                image = self.image.clone()
                output = self._forward(self._example, image, self._record, self._cut)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"{type(self.model).__name__} fails on an input of shape {tuple(self.image.shape)}: {error}"
            ) from error
        self.output = output
        if self._leaves:
            gradients = zip(self._leaves, self.gradients(list(self._leaves.values())), strict=True)
            self._used = {path for path, gradient in gradients if gradient is not None}
        return output

    @cached_property
    def _other(self) -> tuple[tuple[int, int], dict[str, list[Call]]] | None:
        """The size and the calls of a forward on an image of another size; None where none runs."""
        h, w = self.image.shape[-2:]
        for height, width in ((h + 32, w), (2 * h, w)):
            calls: dict[str, list[Call]] = {}
            blank = self._example.blank(height, width)
            try:
                with torch.no_grad():
                    self._forward(
                        blank, None, lambda name, call, to=calls: to.setdefault(name, []).append(call)
                    )
            except Exception:  # whatever a model says to a size that is not its own
                continue
            size = self._size(calls)
            if size != self.size and calls.keys() == self._calls.keys():
                return size, calls
        return None

    def _size(self, calls: dict[str, list[Call]]) -> tuple[int, int]:
        """Height and width of what entered the encoder, or of the network's image."""
        call = calls[self._encoder if self._encoder is not None else self.reader][0]
        entered = first_map(call.args, call.kwargs)
        return tuple((self.image if entered is None else entered).shape[-2:])

    def _forward(
        self,
        example: Example,
        image: Tensor | None,
        record: Callable[[str, Call], None],
        cut: Callable | None = None,
    ) -> Any:
        handles = [
            module.register_forward_hook(partial(_watch, record, name), with_kwargs=True)
            for name, module in self.names.items()
        ]
        if cut is not None and self._encoder is not None:
            handles.append(self.names[self._encoder].register_forward_hook(cut))
        try:
            with evaluating(self.model), torch.random.fork_rng(devices=[]):
                return example.call(self.model, image)
        finally:
            for handle in handles:
                handle.remove()

    def _record(self, name: str, call: Call) -> None:
        self.finished.append(name)
        self._calls.setdefault(name, []).append(call)

    def _cut(self, module: nn.Module, args: tuple, output: Any) -> Any:
        self.features = list(tensors_in(output))
        self._leaves = {path: feature.detach().requires_grad_() for path, feature in self.features}
        for path, leaf in self._leaves.items():
            output = replace(output, path, leaf.clone())
        return output

    def _find_reader(self) -> str:
        """The first submodule to finish that got the network's image.

        A network that makes the batch itself, from a list of images (torchvision's detectors), has another
        image: what is first of its channels.
        """
        call = self.calls(self._network)[0]
        image = first_map(call.args, call.kwargs)
        for name in self.finished:
            got = first_map(self.calls(name)[0].args, self.calls(name)[0].kwargs)
            if got is not None and (image is None or got.shape == image.shape):
                return name
        return self._network


def _watch(
    record: Callable[[str, Call], None],
    name: str,
    module: nn.Module,
    args: tuple,
    kwargs: dict[str, Any],
    output: Any,
) -> Any:
    # Aliases, so that gradients tell of an entry whether it is read after the module has returned it.
    for path, tensor in tensors_in(output):
        output = replace(output, path, tensor.view_as(tensor)) if path else output
    record(name, Call(args, kwargs, output))
    return output


class _EncoderDone(Exception):
    """Ends a forward once the encoder has returned."""
