"""From bytes to batches: `reader` cuts lines, `sources` and `corpus` make aligned and cleaned pairs of them, `tokenizer`
turns words into pieces, `batches` puts pieces side by side, `words` remembers what was seen. No model is known here.
"""
