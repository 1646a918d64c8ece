"""The arithmetic worth making fast, each piece in the library's plain form and a fast one that a law holds equal.

    linear.py    x W^T + b, with bf16 operands where they are large and the machine multiplies those faster
    dropout.py   dropout from random bytes, where the library's own mask is slow
    norm.py      layer normalisation with a backward pass for narrow rows on a GPU
    loss.py      output layer and label-smoothed cross-entropy in one pass, in chunks of rows
    threads.py   independent work side by side, one thread each
    choice.py    `Ops`: which form runs, decided once when a model is built

A layer is handed an `Ops` and calls it; nothing here knows what a model is.
"""
