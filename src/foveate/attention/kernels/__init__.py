"""Products computed by hand, forward and backward, without the attention matrix."""
