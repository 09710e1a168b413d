"""The command line: one command a file, and the signature of its function is the command."""
