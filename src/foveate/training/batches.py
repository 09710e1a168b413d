"""The loaders of a `DataModule` as Lightning's Trainer takes them: data is loaded without Lightning."""

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from foveate.loading.module import DataModule


class Batches(LightningDataModule):
    """The batches of `data`; the Trainer asks for loaders once its processes know each other."""

    def __init__(self, data: DataModule) -> None:
        super().__init__()
        self.data = data

    def train_dataloader(self) -> DataLoader:
        return self.data.train_dataloader()

    def val_dataloader(self) -> DataLoader:
        return self.data.val_dataloader()

    def test_dataloader(self) -> DataLoader:
        return self.data.test_dataloader()
