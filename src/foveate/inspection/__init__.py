"""Where attention looks, and pictures of predictions, errors and maps."""
