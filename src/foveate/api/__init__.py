"""The commands as functions, one per file; the command line parses, shows progress, calls them and prints.

PyTorch is imported inside the functions: wrong arguments are reported before it loads.
"""
