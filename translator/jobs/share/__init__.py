"""Share a finished run: pack it into one file, with a model card."""
