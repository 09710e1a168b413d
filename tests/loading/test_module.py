import dataclasses
import pickle

import numpy as np
import pytest
import torch

from foveate.data.dataset import SPLITS
from foveate.data.open import open_dataset
from foveate.errors import DataError
from foveate.loading.module import DataModule
from foveate.loading.sizes import choose_batch, choose_size
from foveate.specs.data import DataSpec

SPEC = DataSpec("synthetic:10:32x48", size=(32, 48), batch=4, workers=0)


def epoch(module, number=0):
    loader = module.train_dataloader()
    loader.sampler.set_epoch(number)
    return list(loader)


def same(left, right):
    return left.keys() == right.keys() and all(
        torch.equal(value, right[key]) if torch.is_tensor(value) else value == right[key]
        for key, value in left.items()
    )


def test_a_batch_has_the_documented_entries():
    batch = epoch(DataModule(SPEC, seed=0))[0]
    assert batch["image"].shape == (4, 3, 32, 48)
    assert batch["image"].dtype == torch.float32
    assert batch["image"].is_contiguous()
    assert 0 <= batch["image"].min() < 0.5 < batch["image"].max() <= 1
    assert batch["mask"].shape == (4, 32, 48)
    assert batch["mask"].dtype == batch["index"].dtype == torch.int64
    assert set(batch["mask"].unique().tolist()) <= {*range(11), 255}
    assert batch["stem"] == [f"scene{index:06d}" for index in batch["index"].tolist()]


def test_validation_shows_every_image_once_unchanged_in_order():
    module = DataModule(SPEC, seed=0)
    (batch,) = module.val_dataloader()
    assert batch["index"].tolist() == [0, 1, 2]
    image, mask = module.dataset.read(module.dataset.index("val")[1])
    assert torch.equal(batch["image"][1], torch.tensor(image).movedim(-1, 0) / 255)
    assert torch.equal(batch["mask"][1], torch.tensor(mask).long())


def test_memory_disk_and_workers_give_the_same_bits(make):
    source = str(make.pairs(count=10))
    spec = DataSpec(
        source, size=(16, 24), crop=(12, 16), batch=4, workers=0, augment="tutorial", automatic="randaugment"
    )
    reference = DataModule(spec, seed=3)
    assert reference.in_memory
    assert reference.plan == "10 images at 16x24 fit in memory (0.00 GB)"
    expected = [epoch(reference, number) for number in range(2)]
    for memory, workers in ((0.0, 0), (4.0, 2), (0.0, 2)):
        module = DataModule(dataclasses.replace(spec, memory_gb=memory, workers=workers), seed=3)
        assert module.in_memory == (memory > 0)
        loader = module.train_dataloader()
        for number in range(2):
            loader.sampler.set_epoch(number)
            for got, wanted in zip(loader, expected[number], strict=True):
                assert same(got, wanted)
    assert module.plan.endswith("more than 0 GB: 2 workers read them from disk each time")


def test_resized_masks_hold_class_ids_only(make):
    module = DataModule(DataSpec(str(make.pairs(values=(0, 1, 255))), size=(7, 9), workers=0), seed=0)
    (batch,) = module.test_dataloader()
    assert batch["mask"].shape[1:] == (7, 9)
    assert batch["mask"].unique().tolist() == [0, 1, 255]


def test_only_seed_and_epoch_change_the_batches():
    first, again = DataModule(SPEC, seed=0), DataModule(SPEC, seed=0)
    torch.manual_seed(99)
    assert all(map(same, epoch(first), epoch(again)))
    assert not torch.equal(epoch(first, 1)[0]["image"], epoch(first, 0)[0]["image"])
    assert not torch.equal(epoch(DataModule(SPEC, seed=1))[0]["image"], epoch(first)[0]["image"])


@pytest.mark.parametrize(("train", "sizes"), [(10, [4, 4, 2]), (9, [4, 4]), (8, [4, 4]), (1, [1])])
def test_only_a_last_batch_of_one_image_is_dropped(train, sizes):
    spec = dataclasses.replace(SPEC, source=f"synthetic:{train}:32x48")
    assert [len(batch["stem"]) for batch in epoch(DataModule(spec, seed=0))] == sizes


def test_crops_follow_their_schedule():
    spec = dataclasses.replace(SPEC, crop=(16, 16), crop_schedule=((0.5, (16, 32)), (0.75, (32, 48))))
    module = DataModule(spec, seed=0, epochs=8)
    assert [module.crop_at(number) for number in range(8)] == [(16, 16)] * 4 + [(16, 32)] * 2 + [(32, 48)] * 2
    assert epoch(module, 5)[0]["image"].shape[-2:] == (16, 32)
    assert next(iter(module.val_dataloader()))["image"].shape[-2:] == (32, 48)


def test_all_augmentations_reach_the_images():
    plain = DataSpec("synthetic:10:32x48", size=(32, 48), batch=4, workers=0, scale=(1, 1), flip=0, color=0)
    (before, *_) = epoch(DataModule(plain, seed=0))
    for change in (
        {"rotation": 30.0},
        {"shear": 20.0},
        {"shift": 0.3},
        {"zoom": 0.5},
        {"automatic": "randaugment"},
        {"automatic": "trivialaugment"},
        {"flip_vertical": 1.0},
    ):
        (batch, *_) = epoch(DataModule(dataclasses.replace(plain, **change), seed=0))
        assert batch["stem"] == before["stem"]
        assert not torch.equal(batch["image"], before["image"])
        assert "automatic" in change or not torch.equal(batch["mask"], before["mask"])
    assert torch.equal(batch["mask"], before["mask"].flip(-2))


def test_shares_of_the_split(make):
    spec = DataSpec(str(make.pairs(count=10)), size=(8, 8), split=(60, 40), workers=0)
    table = DataModule(spec, seed=0).dataset.split_table()
    assert (len(table["train"]), len(table["val"])) == (6, 4)
    assert table["test"] == table["val"]


def test_a_split_that_is_given_overrides_the_folders_own_unless_they_are_to_be_kept(make):
    for split, count in (("train", 6), ("test", 4)):
        make.pairs(f"{split}/images", f"{split}/masks", count)
    spec = DataSpec(str(make.root), size=(8, 8), split=(80, 20), workers=0)
    module = DataModule(spec, seed=0)
    assert [len(module.dataset.index(split)) for split in SPLITS] == [8, 2, 2]
    assert "The data's own splits (6 train, 4 test) are set aside, and 80/20" in module.dataset.describe()
    kept = DataModule(dataclasses.replace(spec, own_splits=True), seed=0)
    assert [len(kept.dataset.index(split)) for split in SPLITS] == [5, 1, 4]


def test_labels_instead_of_masks(make):
    spec = DataSpec(str(make.class_folders(cat=10, dog=10)), size=(8, 8), batch=4, workers=0)
    module = DataModule(spec, seed=0)
    batch = epoch(module)[0]
    assert batch.keys() == {"image", "label", "index", "stem"}
    assert batch["image"].shape == (4, 3, 8, 8)
    assert [["cat", "dog"][label] for label in batch["label"]] == [
        stem.split("/")[0] for stem in batch["stem"]
    ]


def test_a_recorded_split_decides(make):
    source = str(make.pairs(count=10))
    table = open_dataset(source, split_seed=5).split_table()
    module = DataModule(DataSpec(source, size=(8, 8), workers=0), seed=0, splits=table)
    assert module.dataset.split_table() == table


def test_a_broken_image_is_named_before_training_starts(make):
    root = make.pairs()
    for path in (root / "images").iterdir():
        path.write_bytes(path.read_bytes()[:-60])
    module = DataModule(DataSpec(str(root), size=(8, 8), workers=0), seed=0)
    with pytest.raises(DataError, match=r"images/0\d\.png: the image is damaged or truncated"):
        module.train_dataloader()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"crop": (64, 48)},
            "the crop 64x48 is larger than the size 32x48; make it smaller, or give a larger size",
        ),
        ({"crop_schedule": ((0.5, (64, 64)),)}, "the crop 64x64 is larger"),
        (
            {"crop_schedule": ((1.5, (16, 16)),)},
            r"crop_schedule has the fractions \[1.5\]; give them in rising order",
        ),
        (
            {"crop_schedule": ((0.5, (16, 16)), (0.2, (16, 16)))},
            r"fractions \[0.5, 0.2\]; give them in rising order",
        ),
        ({"batch": 0}, "batch 0 is not a number of images; give 1 or more"),
        ({"size": (0, 48)}, "size 0x48 is empty"),
        ({"test_scales": (1.0, 100.0)}, "test_scales is 1.0 100.0; give one or more factors .* up to 4"),
        ({"rotation": 200.0}, "rotation 200.0 is an angle"),
        ({"split": (90, 20)}, "the split 90/20 must be two or three percents"),
    ],
)
def test_invalid_specs_raise_a_clear_error(changes, words):
    with pytest.raises(DataError, match=words):
        DataModule(dataclasses.replace(SPEC, **changes), seed=0, epochs=4).setup()


def test_a_schedule_needs_the_number_of_epochs():
    spec = dataclasses.replace(SPEC, crop_schedule=((0.5, (16, 16)),))
    with pytest.raises(DataError, match="crop_schedule needs the number of epochs"):
        DataModule(spec, seed=0).setup()


def test_default_sizes_are_multiples_of_32_up_to_the_longest_side(make):
    assert choose_size(open_dataset("synthetic:4:360x480")) == (192, 256)
    assert choose_size(open_dataset("synthetic:4:360x480"), longest=512) == (352, 480)
    assert choose_size(open_dataset(make.pairs())) == (32, 32)


def test_default_batches_leave_several_steps_per_epoch():
    assert [choose_batch("segmentation", train) for train in (3, 14, 64, 5000)] == [2, 2, 8, 8]
    assert [choose_batch("classification", train) for train in (20, 5000)] == [2, 64]


def test_arms_with_other_augmentation_share_the_decoded_images(make):
    spec = DataSpec(str(make.pairs(count=10)), size=(16, 24), batch=4, workers=0)
    light = DataModule(spec, seed=2)
    light.decode()
    strong = dataclasses.replace(spec, augment="strong")
    shared, alone = light.augmented_as(strong), DataModule(strong, seed=2)
    assert shared._frames("train").images is light._frames("train").images
    assert all(same(*pair) for pair in zip(epoch(shared), epoch(alone), strict=True))
    assert shared.serves(strong, None)
    assert not shared.serves(spec, None)
    assert light.augmented_as(spec) is light


def test_automatic_operations_are_refused_for_bands(make):
    (make.root / "images").mkdir()
    for number in range(8):
        np.save(
            make.root / f"images/{number}.npy", np.arange(1280, dtype=np.int16).reshape(16, 16, 5) + number
        )
        make.save(f"masks/{number}.png", make.mask(number, [0, 1], (16, 16)))
    spec = DataSpec(str(make.root), size=(8, 8), workers=0, augment="randaugment")
    with pytest.raises(
        DataError, match=r"randaugment changes colours of 8-bit RGB images, and these have 5 bands"
    ):
        DataModule(spec).setup()
    module = DataModule(dataclasses.replace(spec, augment="tutorial"))
    assert epoch(module)[0]["image"].shape[1:] == (5, 8, 8)
    with pytest.raises(DataError, match="choose another --augment"):
        module.augmented_as(spec)


def test_opened_data_can_be_reused_for_other_seeds_and_epochs():
    spec = DataSpec("synthetic:4", size=(32, 64), crop_schedule=((0.5, (16, 32)),))
    module = DataModule(spec, epochs=2)
    module.setup()
    longer = module.reseeded(1, epochs=8)
    assert [longer.crop_at(epoch) for epoch in (3, 4)] == [(32, 64), (16, 32)]
    assert longer.dataset is module.dataset
    assert not DataModule(spec, epochs=2, to_score=True).serves(spec, None)


def test_folds_share_the_decoded_images(make):
    spec = DataSpec(str(make.pairs(count=20)), size=(32, 48), batch=4, workers=0)
    first = DataModule(dataclasses.replace(spec, fold="1/5"))
    first.decode()
    images = first._frames("test").images
    for fold in ("1/5", "4/5"):
        shared, alone = first.in_fold(fold), DataModule(dataclasses.replace(spec, fold=fold))
        assert shared._frames("test").images is images
        assert shared.dataset.split_table() == alone.dataset.split_table()
        for split in ("train", "test"):
            batches = zip(shared.eval_dataloader(split), alone.eval_dataloader(split), strict=True)
            assert all(same(left, right) for left, right in batches)


def test_other_processes_get_the_images_of_a_split(make):
    module = DataModule(DataSpec(str(make.pairs(count=20)), size=(32, 48), workers=0))
    module.decode()
    frames = module._frames("test")
    copy = pickle.loads(pickle.dumps(frames))
    assert len(copy.entries) == len(frames.entries) == 3
    for index in range(3):
        assert all(np.array_equal(a, b) for a, b in zip(copy[index], frames[index], strict=True))
