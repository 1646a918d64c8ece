"""Whole jobs without a console, one sub-room per job, which imports only from those above it in this list.

translate/  the Python API: load a run, translate; search engines and the conversion to CTranslate2
inspect/    what a run attends to
train/      prepare the corpus and tokenizer, train, resume, save the final parameters; events and TensorBoard
compare/    evaluate a run, compare runs under equal conditions
show/       the report page, the live view and the list of runs; the meaning of every setting
share/      pack a run into one file, with a model card
export/     write a run for other programs
serve/      translate over HTTP
story/      train and describe the models that tell the story of attention
"""
