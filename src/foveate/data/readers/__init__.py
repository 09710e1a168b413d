"""One module a dataset layout; each registers itself with `foveate.data.layout.reader`."""
