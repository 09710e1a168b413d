"""Hosts, the places on them, the arms attached there, and checkpoints."""
