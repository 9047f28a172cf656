"""Judges measured against people: labels, the page to give them, calibration."""
