"""How good translations are (`metrics`, `frequency`), whether one system is better than another (`comparison`, `seeds`), and
which words translate which (`alignment`). Text and attention weights in, figures out.
"""
