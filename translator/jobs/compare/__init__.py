"""Evaluate a run on a test set, and compare runs under equal conditions."""
