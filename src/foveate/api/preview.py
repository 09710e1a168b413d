"""Show training images, and what augmentation makes of them."""

from collections.abc import Sequence
from pathlib import Path

from foveate.errors import UserError
from foveate.specs.augmentation import POLICIES, check_policy
from foveate.specs.data import DataSpec


def preview(
    spec: DataSpec,
    out: str | Path,
    policies: Sequence[str] = (),
    limit: int = 6,
    draws: int = 4,
    seed: int = 0,
) -> Path:
    """Write a sheet of training images, their masks and their augmentation to `out`, an HTML file.

    spec: the data and the augmentation. policies: names of augmentations to show in its place. limit: most
    images. draws: augmentations of each, those that a run with `seed` draws in its first epochs.

    Raises `UserError` for unusable data, unknown policies, and for fewer than one image or draw.
    """
    for name, number in (("--limit", limit), ("--draws", draws)):
        if number < 1:
            raise UserError(f"{name}: {number} shows nothing; give 1 or more")
    shown = [POLICIES[check_policy(name)] for name in policies] or [spec.policy]
    from foveate.data.open import require_source

    require_source(spec.source)
    from foveate.loading.module import DataModule
    from foveate.report.preview import write_preview

    module = DataModule(spec, seed, epochs=draws)
    module.setup()
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_preview(module, shown, path, limit, draws)
