"""Adapt a `DataModule`, which does not depend on Lightning, to Lightning's Trainer."""

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from foveate.loading.module import DataModule


class Batches(LightningDataModule):
    """Hand the loaders of `data` to the Trainer, which asks for them after its processes have connected."""

    def __init__(self, data: DataModule) -> None:
        super().__init__()
        self.data = data

    def train_dataloader(self) -> DataLoader:
        return self.data.train_dataloader()

    def val_dataloader(self) -> DataLoader:
        return self.data.val_dataloader()

    def test_dataloader(self) -> DataLoader:
        return self.data.test_dataloader()
