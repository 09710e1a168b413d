"""One command a file; `foveate.cli.main` finds them by name."""
