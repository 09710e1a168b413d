"""Kernels with their own backward pass that never hold the attention matrix."""
