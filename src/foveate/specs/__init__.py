"""The settings of runs and comparisons as plain values that can be written as YAML. No PyTorch."""
