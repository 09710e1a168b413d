"""Layouts of users' own data, one module each; each registers itself with `foveate.data.layout.reader`."""
