"""From a dataset to batches: resizing, augmentation, order, and the data module. PyTorch begins here."""
