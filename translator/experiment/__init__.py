"""Whole jobs without a console: make a run folder, train in it, translate, evaluate and compare with what came out.

The command line calls one function here per command; a Python program may call the same ones.
"""
