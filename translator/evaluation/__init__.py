"""How good translations are (`metrics`) and whether one system is better than another (`comparison`); text in, figures out."""
