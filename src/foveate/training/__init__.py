"""Train a model from a `RunSpec` into a run directory: losses, optimisation, callbacks and `fit`."""
