"""One check a module; each registers itself with `foveate.data.doctor.finding.check`."""
