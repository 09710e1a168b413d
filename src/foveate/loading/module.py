"""Batches of a dataset: images are kept in memory if they fit, else worker processes read them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from foveate.data.bands import BandScale, measure_scale
from foveate.data.dataset import SPLITS, Dataset, check
from foveate.data.open import Unsplit, open_unsplit
from foveate.errors import DataError
from foveate.loading.frames import Batch, DiskFrames, Frames, FrameStore, MemoryFrames
from foveate.loading.intact import check_intact
from foveate.loading.sampler import EpochSampler
from foveate.loading.sizes import CropSizes, choose_batch, choose_size
from foveate.loading.transforms import Augmentation
from foveate.loading.workers import check_shared_memory, end_with_the_queue
from foveate.specs.augmentation import Policy
from foveate.specs.data import DataSpec
from foveate.specs.sizes import check_views


class DataModule:
    """Data loaders of one dataset.

    Once the data are open, the classes of `spec` are what the values of the masks stand for
    (`Dataset.table`), so that the data are read alike whenever they are opened with it.

    A batch is a dict: image (float32 b c h w; RGB in [0, 1], or bands as `BandScale` scales them), mask
    (int64 b h w) or label (int64 b), index (int64 b, position in the split) and stem (list of str).

    Args:
        spec: dataset, sizes, augmentation
        seed: seed of the training order and of the augmentation
        epochs: number of epochs; needed for a crop_schedule only
        splits: a recorded `Dataset.split_table()` to reproduce
        to_score: as in `open_dataset`
        scale: of the bands, from a trained run; measured over the training images if not given

    >>> module = DataModule(DataSpec("synthetic:8", batch=4), seed=0)
    >>> module.setup()
    >>> batch = next(iter(module.train_dataloader()))
    >>> batch["image"].shape, batch["mask"].dtype, module.plan
    (torch.Size([4, 3, 96, 128]), torch.int64, '14 images at 96x128 fit in memory (0.00 GB)')
    """

    def __init__(
        self,
        spec: DataSpec,
        seed: int = 0,
        epochs: int | None = None,
        splits: dict[str, Sequence[str]] | None = None,
        to_score: bool = False,
        scale: BandScale | None = None,
    ) -> None:
        self.spec, self.seed, self.epochs, self.recorded_splits = spec, seed, epochs, splits
        self.to_score = to_score
        self._scale = scale
        self._asked = spec.classes
        self._dataset: Dataset | None = None
        self._size: tuple[int, int] | None = None
        self._unsplit: Unsplit | None = None
        self._store: FrameStore | None = None

    def setup(self) -> None:
        """Open the dataset and check the spec; images are decoded when a loader first needs their split."""
        if self._dataset is None:
            spec = self.spec
            self._unsplit = self._unsplit or open_unsplit(
                spec.source, spec.classes, spec.group, spec.folder, spec.bands, spec.tiling
            )
            dataset = self._split(self._unsplit)
            self._size = tuple(spec.size or spec.tiles or choose_size(dataset))
            self._check()
            check_suits(spec.policy, dataset)
            self._dataset = dataset
            if dataset.table and not self.to_score:
                self.spec = replace(spec, classes=dataset.table)

    def _split(self, unsplit: Unsplit) -> Dataset:
        spec, splits = self.spec, self.recorded_splits
        if self.to_score and splits is None:
            return unsplit.whole()
        dataset = unsplit.split(
            spec.split_seed, spec.val_from_train, splits, spec.split, spec.fold, spec.keeps_own_splits
        )
        return dataset if self.to_score else check(dataset)

    def reseeded(self, seed: int, epochs: int | None) -> "DataModule":
        """Return a module of the same data for another seed and number of epochs; images are shared."""
        self.setup()
        other = DataModule(self.spec, seed, epochs, self.recorded_splits, self.to_score, self.scale)
        other._unsplit, other._store, other._asked = self._unsplit, self._frame_store(), self._asked
        other._dataset, other._size = self._dataset, self._size
        return other

    def in_fold(self, fold: str, splits: Mapping[str, Sequence[str]] | None = None) -> "DataModule":
        """Return a module that tests another fold, or has the splits recorded for it; images are shared.

        Size and batch are those of this module.
        """
        spec = replace(self.spec, fold=fold, size=self.size, batch=self.batch)
        other = DataModule(spec, self.seed, self.epochs, splits, self.to_score)
        other._unsplit, other._store, other._asked = self._unsplit, self._frame_store(), self._asked
        other.setup()
        return other

    def augmented_as(self, spec: DataSpec) -> "DataModule":
        """Return a module of the same images that augments them as `spec` says; images are shared.

        Raises `DataError` for a policy that does not suit the images.
        """
        if spec.policy == self.spec.policy:
            return self
        check_suits(spec.policy, self.dataset)
        changed = replace(self.spec, augment=None, **vars(spec.policy))
        other = DataModule(changed, self.seed, self.epochs, self.recorded_splits, self.to_score, self._scale)
        other._unsplit, other._store, other._asked = self._unsplit, self._frame_store(), self._asked
        other._dataset, other._size = self._dataset, self._size
        return other

    def serves(self, spec: DataSpec, splits: Mapping[str, Sequence[str]] | None) -> bool:
        """Return whether `spec` describes this training data, in the given splits (None: any)."""
        own = replace(self.spec.settled, size=self.size, batch=self.batch)
        if spec.classes == self._asked:
            spec = replace(spec, classes=self.spec.classes)
        other = replace(spec.settled, size=spec.size or self.size, batch=spec.batch or self.batch)
        return own == other and not self.to_score and splits in (None, self.dataset.split_table())

    def decode(self) -> None:
        """Decode every image of all splits, into memory if they fit; raise `DataError` for a broken file.

        Also checks the shared memory that workers need (`check_shared_memory`).
        """
        self.check_shared_memory()
        if not self.in_memory:
            check_intact(self.dataset)
            return
        for split in SPLITS:
            self._frames(split)

    @property
    def dataset(self) -> Dataset:
        self.setup()
        return self._dataset

    @property
    def scale(self) -> BandScale | None:
        """The scale of the images' bands, None for RGB."""
        bands = self.dataset.bands
        if self._scale is None and bands:
            self._scale = measure_scale(self.dataset.index("train"), bands)
        return self._scale if bands else None

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.classes

    @property
    def task(self) -> str:
        return self.dataset.task

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that every image is resized to."""
        self.setup()
        return self._size

    @property
    def batch(self) -> int:
        return self.spec.batch or choose_batch(self.task, len(self.dataset.index("train")))

    @property
    def bytes_needed(self) -> int:
        """Size of all decoded images and masks in bytes."""
        image = 4 * self.dataset.channels if self.dataset.bands else 3
        mask = 1 if self.task == "segmentation" else 0
        return len(self.dataset) * self.size[0] * self.size[1] * (image + mask)

    @property
    def in_memory(self) -> bool:
        return self.bytes_needed <= self.spec.memory_gb * 1e9

    @property
    def workers(self) -> int:
        """Number of worker processes; by default none if the images are in memory and there is no GPU."""
        if self.spec.workers is not None:
            return self.spec.workers
        if self.in_memory and not torch.cuda.is_available():
            return 0
        return min(8, max(1, (os.cpu_count() or 1) - 1))

    @property
    def plan(self) -> str:
        """A sentence for the user: whether the images fit in memory, and how they are read if not."""
        images = f"{len(self.dataset)} images at {self.size[0]}x{self.size[1]}"
        amount = f"{self.bytes_needed / 1e9:.2f} GB"
        if self.in_memory:
            return f"{images} fit in memory ({amount})"
        reading = f"{self.workers} workers read" if self.workers else "the main process reads"
        budget = f"more than {self.spec.memory_gb:g} GB"
        return f"{images} would need {amount}, {budget}: {reading} them from disk each time"

    @property
    def augmentation(self) -> str:
        """A sentence for the user: how training images are changed at random."""
        return f"Random changes in training: {self.spec.policy}."

    @property
    def crop_at(self) -> CropSizes:
        """Height and width of the training images by epoch."""
        return CropSizes(self.spec.crop or self.size, tuple(self.spec.crop_schedule), self.epochs or 1)

    def check_shared_memory(self, loaders: int = 1) -> None:
        """Raise `UserError` if the workers of so many loaders at once need more shared memory than is free.

        Loaders share the workers of the default; a number that the user chose is that of each.
        """
        workers = self.workers
        if workers and self.spec.workers is None:
            workers = max(1, workers // loaders)
        channels = self.dataset.channels if self.dataset.bands else 3
        pixel = 4 * channels + (8 if self.task == "segmentation" else 0)  # float32 images, int64 masks
        check_shared_memory(workers, self.batch * self.size[0] * self.size[1] * pixel, loaders)

    def train_dataloader(self) -> DataLoader:
        sampler = EpochSampler(len(self.dataset.index("train")), self.seed)
        single = len(sampler) % self.batch == 1 and len(sampler) > 1  # batch norm cannot train on one image
        return self._loader("train", sampler, self._augmentation(self.scale), drop_last=single)

    def val_dataloader(self) -> DataLoader:
        return self._loader("val")

    def test_dataloader(self) -> DataLoader:
        return self._loader("test")

    def eval_dataloader(self, split: str) -> DataLoader:
        """Return a loader of any split, without augmentation and in the split's order."""
        return self._loader(split)

    def samples(self, policy: Policy | None = None) -> Frames:
        """Return the training images as they are, or changed by a policy, read one by one when needed.

        A key (epoch, index) gives the changes that a run with this seed draws for the image then.
        """
        if policy is not None:
            check_suits(policy, self.dataset)
        augmentation = None if policy is None else replace(self._augmentation(self.scale), policy=policy)
        disk = DiskFrames(self.dataset, self.dataset.index("train"), self.size)
        return Frames(disk, augmentation, self.seed, self.crop_at, self.scale)

    def _loader(
        self,
        split: str,
        sampler: EpochSampler | None = None,
        augmentation: Augmentation | None = None,
        drop_last: bool = False,
    ) -> DataLoader:
        self.check_shared_memory()
        frames = Frames(self._frames(split), augmentation, self.seed, self.crop_at, self.scale)
        return DataLoader(
            frames,
            batch_size=self.batch,
            sampler=sampler,
            drop_last=drop_last,
            collate_fn=_identity,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            worker_init_fn=end_with_the_queue,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator().manual_seed(self.seed),
        )

    def _augmentation(self, scale: BandScale | None) -> Augmentation:
        mean = {} if scale is None else {"mean": scale.mean}
        return Augmentation(self.size, self.spec.policy, **mean)

    def _frames(self, split: str) -> DiskFrames | MemoryFrames:
        disk = DiskFrames(self.dataset, self.dataset.index(split), self.size)
        store = self._frame_store()
        return disk if store is None else store.load(disk)

    def _frame_store(self) -> FrameStore | None:
        """Return the decoded images, None if they do not fit in memory."""
        if self._store is None and self.in_memory:
            self._store = FrameStore(self.dataset, self.size)
        return self._store

    def _check(self) -> None:
        check_views(self.spec.test_scales)
        if self.spec.batch is not None and self.spec.batch < 1:
            raise DataError(f"batch {self.spec.batch} is not a number of images; give 1 or more")
        if min(self._size) < 1:
            raise DataError(
                f"size {self._size[0]}x{self._size[1]} is empty; give height x width, as in 192x256"
            )
        schedule = self.spec.crop_schedule
        fractions = [fraction for fraction, _ in schedule]
        if any(not 0 <= fraction < 1 for fraction in fractions) or fractions != sorted(set(fractions)):
            raise DataError(
                f"crop_schedule has the fractions {fractions}; give them in rising order, from 0 to below 1"
            )
        if schedule and self.epochs is None:
            raise DataError(
                "crop_schedule needs the number of epochs; give epochs, or leave the schedule out"
            )
        for crop in [self.spec.crop, *(crop for _, crop in schedule)]:
            if crop and (crop[0] > self._size[0] or crop[1] > self._size[1]):
                raise DataError(
                    f"the crop {crop[0]}x{crop[1]} is larger than the size {self._size[0]}x{self._size[1]}; "
                    "make it smaller, or give a larger size"
                )


def check_suits(policy: Policy, dataset: Dataset) -> None:
    """Raise `DataError` for a policy with operations that images of bands do not have."""
    if policy.automatic != "none" and dataset.bands:
        raise DataError(
            f"{dataset.source}: {policy.automatic} changes colours of 8-bit RGB images, and these have "
            f"{dataset.channels} bands; choose another --augment, such as light, strong or tutorial"
        )


def _identity(batch: Batch) -> Batch:
    """Collate nothing: `Frames` makes whole batches."""
    return batch
