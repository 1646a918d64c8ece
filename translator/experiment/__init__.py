"""Whole jobs without a console: make a run folder, train in it, translate, evaluate, compare and export what came out.

The command line calls one function here per command; a Python program may call the same ones.
"""

BATCH_SIZE = 128  # sentences decoded together where nobody says otherwise
