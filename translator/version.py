"""The version of this program, which is also the one that run folders record."""

__version__ = "0.1.0"
