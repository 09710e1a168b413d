"""Files on disk to samples: readers (one file a dataset layout), splits, transforms and the data module."""
