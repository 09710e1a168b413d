"""What is wrong with a dataset: each image and mask is decoded once, and checks judge what was measured."""
