"""Score runs on a test set and compare them; train the ones that a comparison needs."""
