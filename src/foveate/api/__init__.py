"""What the commands do, as functions: `fit`, `compare` and `doctor`; the commands parse, call and print.

PyTorch is imported inside the functions, so that what is wrong with their arguments is told before it loads.
"""
