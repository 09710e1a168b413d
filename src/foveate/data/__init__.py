"""From a folder, an archive or an address to a `Dataset`: files, layouts, classes and splits. No PyTorch."""
