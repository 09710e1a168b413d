"""AFMA: logits are corrected by the similarity of patches of the image to patches of an encoder level.

Sang et al., "Small-Object Sensitive Segmentation Using Across Feature Map Attention", TPAMI 2023,
https://pmc.ncbi.nlm.nih.gov/articles/PMC10823909. Per class:

- Patches: the image passes two convolutions; encoder level i passes one and is divided by 4^i. Both are cut
  into p x p patches. A shared linear map and ReLU turn them into P (image) and Q (level).
- Map: A = P Q^T / p^2.
- Correction: M are the patches of the logits' one-hot argmax, average-pooled by 2^i. The correction is A M,
  with each row of A divided by its number of non-zeros + 1e-5, and logits <- logits * correction + logits.
- Auxiliary loss: the mean square of A - G. The gold map is G = Y Z^T / p^2, with the patches Y of the one-hot
  truth and Z of the truth average-pooled by 2^i.

The results equal those of the authors' code to rounding, but A is never formed; at 640 x 960, level 1 and 12
classes it has 113 million entries:

- A M = P (Q^T M) / p^2.
- The sum of squares of A - G is (<P^T P, Q^T Q> - 2 <P^T Y, Q^T Z> + <Y^T Y, Z^T Z>) / p^4, with matrices of
  p^2 x p^2.
- An entry of A is 0 exactly if the rows of P and Q have no common positive place (see `supports`).
- The two convolutions of the image have no activation between them, and neither have the two layers of the
  linear map: each pair is merged into one linear map (see `chained`).

As in their code, a remainder at the right or bottom that fills no patch is not corrected. Their code requires
sizes divisible by the level's stride; ours leaves out cells of the level that extend beyond the image. Their
truth has no unknown pixels; in ours, pixels of 255 have no class, and patches of only such pixels are left
out of the mean.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foveate.attention.kernels.afma_bands import pad_image, refine
from foveate.attention.kernels.afma_embedding import embed_patches
from foveate.attention.kernels.afma_level import level_maps, level_side
from foveate.attention.kernels.afma_loss import mean_square
from foveate.attention.kernels.chained import convolve_merged
from foveate.attention.maps import AcrossLevelsMap
from foveate.attention.options import at_least
from foveate.attention.pairwise import chosen_queries
from foveate.attention.registry import register
from foveate.errors import UserError


@register("afma")
class AFMA(nn.Module):
    """AFMA: logits corrected by the similarity of image patches to an encoder level; for small objects.

    A refiner, for `afma@logits`. `channels` is the number of classes; `level` is the encoder level i, from 1
    to 5, whose stride is 2^i; `patch_size` is p. If no patch fits the image or the level, the logits are
    returned unchanged. `weights` gives an `AcrossLevelsMap` for the image's patches `queries` (default: all,
    if they fit `pairwise.MATRIX_LIMIT`). Computed in float32 or better, also under autocast.

    >>> afma = AFMA(5, image_channels=3, feature_channels=64, level=1)
    >>> logits, image = torch.randn(2, 5, 64, 96), torch.rand(2, 3, 64, 96)
    >>> feature = torch.rand(2, 64, 32, 48)
    >>> afma(logits, image, feature).shape
    torch.Size([2, 5, 64, 96])
    >>> afma.weights(logits, image, feature)[0].values.shape  # 6 x 9 patches of the image, 3 x 4 of the level
    torch.Size([2, 5, 54, 12])
    """

    refiner = True
    starts_at_identity = False

    def __init__(
        self, channels: int, image_channels: int, feature_channels: int, level: int = 2, patch_size: int = 10
    ) -> None:
        super().__init__()
        if at_least(1, "level", level) > 5:
            raise UserError(f"level={level}: expected an encoder level from 1 to 5")
        self.level, self.patch_size = level, at_least(1, "patch_size", patch_size)
        pixels = patch_size**2
        self.image_conv1 = nn.Conv2d(image_channels, 64, 7, padding=3)
        self.image_conv2 = nn.Conv2d(64, channels, 3, padding=1)
        self.feature_conv = nn.Conv2d(feature_channels, channels, 1)
        self.patch_linear1 = nn.Linear(pixels, 2 * pixels, bias=False)
        self.patch_linear2 = nn.Linear(2 * pixels, pixels, bias=False)

    def forward(
        self,
        logits: Float[Tensor, "b classes h w"],
        image: Float[Tensor, "b c h w"],
        feature: Float[Tensor, "b d i j"],
    ) -> Float[Tensor, "b classes h w"]:
        return self._refine(logits, image, feature, None)[0].to(logits.dtype)

    def forward_with_auxiliary(
        self,
        logits: Float[Tensor, "b classes h w"],
        image: Float[Tensor, "b c h w"],
        feature: Float[Tensor, "b d i j"],
        mask: Int[Tensor, "b h w"],
    ) -> tuple[Float[Tensor, "b classes h w"], Float[Tensor, ""]]:
        """Return the output of `forward` and the mean of (A - G)^2, with G from the class ids in `mask`.

        Pixels of 255 are unknown. Raises `UserError` if no patch fits: nothing could be learnt.
        """
        self._require_patches(logits)
        refined, loss = self._refine(logits, image, feature, mask)
        return refined.to(logits.dtype), loss

    def weights(
        self,
        logits: Float[Tensor, "b classes h w"],
        image: Float[Tensor, "b c h w"],
        feature: Float[Tensor, "b d i j"],
        queries: Sequence[int] | Tensor | None = None,
    ) -> tuple[AcrossLevelsMap]:
        self._require_patches(logits)
        grid, size, cell, dtype = self.query_grid(logits), self.patch_size, 2**self.level, _wide(logits)
        rows, columns = (side // cell // size for side in logits.shape[2:])
        positions = logits[:, :1, : grid[0], : grid[1]]
        chosen = chosen_queries(queries, positions, heads=logits.shape[1], keys=rows * columns)
        with torch.autocast(logits.device.type, enabled=False):
            linear = self._linear(dtype)
            image_maps = convolve_merged(pad_image(image.to(dtype)), *self._convolutions(dtype))
            feature_maps = level_maps(self._inside(logits, feature), *self._feature_conv(dtype), cell)
            p, q = (embed_patches(maps, linear, size) for maps in (image_maps, feature_maps))
            values = p[:, :, chosen] @ q.mT / size**2
        return (AcrossLevelsMap(values, grid, (rows, columns), chosen, size, cell),)

    def query_grid(self, logits: Float[Tensor, "b classes h w"]) -> tuple[int, int]:
        """Return the rows and columns of the grid of image patches that `queries` index."""
        return logits.shape[2] // self.patch_size, logits.shape[3] // self.patch_size

    def _refine(
        self, logits: Tensor, image: Tensor, feature: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        size, cell, dtype = self.patch_size, 2**self.level, _wide(logits)
        with torch.autocast(logits.device.type, enabled=False):
            linear, logits = self._linear(dtype), logits.to(dtype)
            inside = self._inside(logits, feature)
            q_supports, qm, *level = level_side(
                size, cell, mask, logits, inside, linear, *self._feature_conv(dtype)
            )
            result, *products = refine(
                size, mask, q_supports, logits, image.to(dtype), qm, linear, *self._convolutions(dtype)
            )
            return result, None if mask is None else mean_square(products, level, mask, size, cell)

    def _inside(self, logits: Tensor, feature: Tensor) -> Float[Tensor, "b d i j"]:
        """Return the cells of the level that are entirely inside the image."""
        (height, width), side = logits.shape[2:], 2**self.level
        rows, columns = height // side, width // side
        inside = feature[..., :rows, :columns]
        if inside.shape[2:] != (rows, columns):
            actual = "x".join(map(str, feature.shape[2:]))
            raise UserError(
                f"afma: at level {self.level} an image of {height}x{width} has {rows}x{columns} cells of "
                f"{side} pixels a side; the feature has {actual}: pass the feature at stride {side}, "
                "or another level="
            )
        return inside

    def _linear(self, dtype: torch.dtype) -> Float[Tensor, "pixels pixels"]:
        return self.patch_linear2.weight.to(dtype) @ self.patch_linear1.weight.to(dtype)

    def _feature_conv(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        return self.feature_conv.weight.to(dtype), self.feature_conv.bias.to(dtype)

    def _convolutions(self, dtype: torch.dtype) -> list[Tensor]:
        layers = self.image_conv1, self.image_conv2
        return [parameter.to(dtype) for layer in layers for parameter in (layer.weight, layer.bias)]

    def _require_patches(self, logits: Tensor) -> None:
        height, width = logits.shape[-2:]
        needed = self.patch_size * 2**self.level
        if min(height, width) < needed:
            raise UserError(
                f"afma: no patch of level {self.level} fits an image of {height}x{width}; with "
                f"patch_size={self.patch_size} it takes {needed}x{needed} or more. Choose a smaller level or "
                "patch_size, or larger images"
            )


def _wide(x: Tensor) -> torch.dtype:
    """Return float32 or better, which counts and differences of products need."""
    return torch.promote_types(x.dtype, torch.float32)
