"""Figures, one kind a file: each draws a `RecordedMap` or a `View` with matplotlib, without pyplot."""
