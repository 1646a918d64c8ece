"""Attention weights and word alignments of a run."""
