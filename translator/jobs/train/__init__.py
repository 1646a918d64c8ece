"""Train a run: prepare the corpus and tokenizer, run the updates, resume, save the final parameters."""
