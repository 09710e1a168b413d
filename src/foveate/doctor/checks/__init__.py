"""One check a module; each registers itself with `foveate.doctor.finding.check`."""
