"""From a `RunSpec` to a trained run directory: the specification, losses, the training task and `fit`."""
