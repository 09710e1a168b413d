"""Attention put into a network and taken out again."""
