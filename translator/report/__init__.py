"""Pictures and pages: `heat_map` and `terminal` draw with characters, `figure` as PNG or SVG, `chart` and `page` as HTML.

`curves` turns the journal of a run into learning curves, `time_left` into an estimate, and `tables` holds the results of a
command. Words and numbers come in, never models.
"""
