"""How weights are found: an objective, a schedule, a loop that yields one outcome an update, checkpoints, a journal.

The loop does nothing but train; whoever iterates over it logs, validates, saves and stops (`jobs/train/train.py`).
"""
