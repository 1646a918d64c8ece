"""Train the models that tell the story of attention, and write the story as a page."""
