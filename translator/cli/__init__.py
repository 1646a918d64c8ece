"""The command line: one file per command; each parses its options, calls one function of `jobs/` and prints the result.

Results go to standard output, everything else to standard error. Nothing slow is imported before a command runs.
"""
