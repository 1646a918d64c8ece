"""Pictures of what was found: `heat_map` in characters, `figure` as PNG or SVG. Words and numbers come in, no models."""
