"""How good translations are (`metrics`), whether one system is better than another (`comparison`), and which words answer
which (`alignment`); text and weights in, figures out.
"""
