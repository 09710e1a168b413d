"""Attention mechanisms, one per file, with one registry and one contract (see `registry` and `maps`)."""
