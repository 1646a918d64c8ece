"""The command line: one file a command; each parses, calls one function of `jobs/` and prints.

Results go to standard output, everything else to standard error. Nothing heavy is imported before a command runs.
"""
