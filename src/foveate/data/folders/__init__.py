"""Match masks to images by folders, file names, lists and tables."""
