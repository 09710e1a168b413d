"""Predict masks and labels of images with a trained network."""
