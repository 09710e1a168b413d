"""What the commands do, as functions, one a file; the commands parse, show progress, call and print.

PyTorch is imported inside the functions, so that what is wrong with their arguments is told before it loads.
"""
