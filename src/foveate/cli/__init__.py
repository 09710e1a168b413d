"""The command line: one command a file. The signature of its function defines the flags."""
