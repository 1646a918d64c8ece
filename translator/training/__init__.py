"""Training: objective, schedules, the loop that yields one outcome per update, checkpoints, journal.

The loop does nothing but train; its caller logs, validates, saves and stops (`jobs/train/run_loop.py`).
"""
