"""One module a layout that users bring; each registers itself with `foveate.data.layout.reader`."""
