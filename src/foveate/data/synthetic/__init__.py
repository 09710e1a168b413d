"""Drawn data: endless, seeded, labelled without error. One file a drawing; each registers itself."""
