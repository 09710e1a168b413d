"""What a model is called with so that its places can be found: any arguments that hold an image."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from foveate.errors import UserError
from foveate.models.places.nested import all_tensors_in, reach, replace, tensors_in

FORMS = (
    "a tensor b c h w, a tuple of the arguments, a dict of the keywords such as {'pixel_values': image}, or "
    "a list where the model takes one"
)


@dataclass(frozen=True)
class Example:
    """The arguments of a call, with the path of the image in `(args, kwargs)`.

    The image is the first floating tensor of four axes; else the first of four axes, of whole numbers, or of
    three axes in a list of images c h w.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    path: tuple[Any, ...]

    @property
    def image(self) -> Tensor:
        return reach((self.args, self.kwargs), self.path)

    @property
    def images(self) -> int:
        """The number of images in the batch."""
        if self.image.ndim == 4:
            return self.image.shape[0]
        return len(reach((self.args, self.kwargs), self.path[:-1]))

    @property
    def views(self) -> int:
        """The number of images that one call compares: tensors like the image, such as before and after."""
        same = (tensor.shape == self.image.shape for _, tensor in tensors_in((self.args, self.kwargs)))
        return sum(same) if self.image.ndim == 4 else 1

    def call(self, model: nn.Module, image: Tensor | None = None) -> Any:
        """Call a model with copies of all tensors, which it may change. image: instead of the example's."""
        nested = _mapped((self.args, self.kwargs), Tensor.clone)
        args, kwargs = nested if image is None else replace(nested, self.path, image)
        return model(*args, **kwargs)

    def blank(self, height: int, width: int) -> "Example":
        """Return the arguments for a black image of another size; all that has the image's size follows."""
        size = self.image.shape[-2:]

        def resized(tensor: Tensor) -> Tensor:
            if tensor.ndim < 3 or tensor.shape[-2:] != size:
                return tensor
            # Masks of valid pixels stay valid; images become black.
            fill = tensor.new_zeros if tensor.is_floating_point() else tensor.new_ones
            return fill(*tensor.shape[:-2], height, width)

        args, kwargs = _mapped((self.args, self.kwargs), resized)
        return Example(args, kwargs, self.path)


def as_example(model: nn.Module, example: Any) -> Example:
    """Return the call that `example` means for a model.

    A tensor is the only argument, a tuple the arguments. A dict holds keywords if `forward` takes them, and a
    list is one argument if `forward` can be called so; else the dict is one argument, and the list all.
    Raises `UserError` for anything else, and for arguments without an image.

    >>> import torch
    >>> as_example(nn.Conv2d(3, 8, 1), {"input": torch.rand(1, 3, 4, 4)}).kwargs.keys()
    dict_keys(['input'])
    """
    args, kwargs = _arguments(model, example)
    found = list(all_tensors_in((args, kwargs)))
    whole = [(path, tensor) for path, tensor in found if tensor.ndim == 4]
    floating = [path for path, tensor in whole if tensor.is_floating_point()]
    listed = [path for path, tensor in found if tensor.ndim == 3 and _in_list((args, kwargs), path)]
    paths = floating or [path for path, _ in whole] or listed
    if not paths:
        shapes = ", ".join(str(tuple(tensor.shape)) for _, tensor in found)
        raise UserError(
            f"example= holds no image: a tensor b c h w is expected, and there is {shapes or 'none'}; pass "
            f"{FORMS}"
        )
    return Example(args, kwargs, paths[0])


def _arguments(model: nn.Module, example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example, Tensor):
        if _takes(model, example):
            return (example,), {}
        names = ", ".join(inspect.signature(model.forward).parameters)
        raise UserError(
            f"{type(model).__name__} cannot be called with one tensor: its forward takes ({names}); pass "
            "example= as a dict of keywords, such as {'pixel_values': image}, or a tuple of all arguments"
        )
    if isinstance(example, Mapping):
        words = {str(key): value for key, value in example.items()}
        return ((), words) if _takes(model, **words) else ((dict(example),), {})
    if isinstance(example, tuple):
        return example, {}
    if isinstance(example, list):
        return ((example,), {}) if _takes(model, example) else (tuple(example), {})
    raise UserError(f"example= is a {type(example).__name__}; pass {FORMS}")


def _in_list(nested: Any, path: tuple[Any, ...]) -> bool:
    return isinstance(reach(nested, path[:-1]), list)


def _takes(model: nn.Module, *args: Any, **kwargs: Any) -> bool:
    """Whether `forward` can be called so, as far as its signature tells."""
    try:
        inspect.signature(model.forward).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:  # there is no signature
        return True
    return True


def _mapped(nested: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a copy of nested lists, tuples and dicts with all tensors changed."""
    if isinstance(nested, Tensor):
        return change(nested)
    if isinstance(nested, dict):
        return {key: _mapped(item, change) for key, item in nested.items()}
    if isinstance(nested, list):
        return [_mapped(item, change) for item in nested]
    if isinstance(nested, tuple):
        items = [_mapped(item, change) for item in nested]
        return type(nested)(*items) if hasattr(nested, "_fields") else tuple(items)
    return nested
