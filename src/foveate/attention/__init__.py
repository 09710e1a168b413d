"""Attention mechanisms, one a file, behind one registry and one contract (see `registry` and `maps`)."""
