"""Train the models that mark the history of attention and report what each of them brings."""
