"""Published datasets, one module each; each registers itself with its `DatasetInfo`."""
