"""One file's pixels and what they mean: images, masks, volumes, palettes."""
