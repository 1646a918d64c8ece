"""Arithmetic that is worth making fast, each operation in the library's plain form and in a fast form that tests compare.

    choice.py    `Ops`: which form of each operation runs, decided once when a model is built
    linear.py    x W^T + b, with operands rounded to bf16 if they are large and the machine multiplies bf16 faster
    dropout.py   dropout from random bytes, since the library's masks are slow on a CPU
    loss.py      output layer and label-smoothed cross-entropy in one pass, in chunks of rows
    consistency.py   the same for two views of each target, with the divergence of their outputs
    layers.py    modules that call these operations through an `Ops`
    threads.py   threads for independent work

Layers call the `Ops` that they were built with; nothing here depends on a model.
"""
