"""Show what a run attends to: attention maps of its translations and their agreement with gold alignments."""
