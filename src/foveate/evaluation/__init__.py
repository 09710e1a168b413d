"""How good a network is, what it costs, and whether a difference between two is real."""
