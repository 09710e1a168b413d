"""Batches of a dataset for PyTorch: resizing, augmentation, order, and the data module."""
