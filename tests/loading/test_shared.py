import os

import numpy as np

from foveate.loading.module import DataModule
from foveate.loading.shared import LARGE, Sender, empty, unpack
from foveate.specs.data import DataSpec


def send(sender: Sender, value):
    """What another process would receive."""
    package, descriptors = sender.pack(value)
    return package, unpack(package, [os.dup(descriptor) for descriptor in descriptors]), len(descriptors)


def test_an_array_in_shared_memory_and_its_views_are_the_same_memory():
    images = empty((4, LARGE), np.uint8)
    images[:] = np.arange(4)[:, None]
    package, (whole, later), blocks = send(Sender(), (images, images[2:, ::2]))
    assert blocks == 1
    assert len(package) < 1000
    assert later.shape == (2, LARGE // 2)
    assert later[:, 5].tolist() == [2, 3]
    images[3] = 9
    assert whole[3, 0] == later[1, 0] == 9


def test_a_write_by_the_receiver_does_not_reach_the_sender():
    images = empty((LARGE,), np.uint8)
    images[:] = 1
    _, received, _ = send(Sender(), images)
    received[:] = 2
    assert images.max() == 1


def test_another_large_array_is_copied_to_shared_memory_once():
    sender, array = Sender(), np.arange(LARGE, dtype=np.int64)[::-1]
    package, received, blocks = send(sender, {"a": array, "b": array, "small": np.ones(3)})
    assert blocks == 1
    assert len(package) < 1000
    assert all((received[name] == array).all() for name in "ab")
    assert received["small"].tolist() == [1, 1, 1]
    assert sender.pack(array)[1] == sender.pack([array])[1]


def test_a_file_without_a_name_takes_the_place_of_memory_that_a_system_lacks(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    array = empty((LARGE,), np.uint8)
    array[:] = 5
    _, received, blocks = send(Sender(tmp_path), array)
    assert blocks == 1
    assert (received == 5).all()
    assert list(tmp_path.iterdir()) == []


def test_decoded_images_are_sent_without_a_copy():
    module = DataModule(DataSpec("synthetic:8:224x256", size=(224, 256), batch=4))
    module.decode()
    package, received, blocks = send(Sender(), module)
    assert blocks >= 1
    assert len(package) < module.bytes_needed / 4
    ours, its = (next(iter(one.train_dataloader())) for one in (module, received))
    assert ours["stem"] == its["stem"]
    assert (ours["image"] == its["image"]).all()
    assert (ours["mask"] == its["mask"]).all()
