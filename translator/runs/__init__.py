"""Run folders: `folder` has their layout and integrity, `records` what is in their JSON files, `lookup` finds them by name,
and `lock` keeps a second training process out.
"""

from pathlib import Path

RUNS = Path("runs")
"""Where `translator train` puts runs and other commands look them up by name, relative to the current folder."""
