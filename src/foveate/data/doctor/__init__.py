"""What is wrong with a dataset: every image and mask is decoded once, and the checks judge what was measured."""
