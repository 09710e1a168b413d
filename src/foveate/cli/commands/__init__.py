"""The commands, one a file. `foveate.cli.main` imports them by name."""
