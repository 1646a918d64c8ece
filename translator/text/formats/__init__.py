"""Readers of corpus files: each turns one file into rows, and `table.py` turns the rows into pairs.

`recognise.py` finds out which reader a file needs, `columns.py` which columns are the source and the target. Aligned plain files
are read by `aligned_files.py`, data sets of the Hugging Face hub by `hub.py`. `sources.py`, one floor up, registers the formats.
"""
