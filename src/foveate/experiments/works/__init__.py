"""Published works: their sweeps on the data that are there, and their tables beside the published ones."""
