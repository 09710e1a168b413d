"""One module a published dataset; each registers itself with its `DatasetInfo`."""
