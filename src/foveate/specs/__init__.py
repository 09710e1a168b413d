"""What is asked for, as plain values that YAML holds. No PyTorch."""
