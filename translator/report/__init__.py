"""What was found, to be looked at: `heat_map` and `curves` in characters, `figure` as PNG or SVG, `chart` and `page` as HTML.

Words and numbers come in, no models.
"""
