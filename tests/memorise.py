"""A run that knows five sentences by heart after two seconds of training, so that examples have known results."""

from pathlib import Path

import translator
from translator.runs.folder import RunFolder

PAIRS = [
    ("A dog sleeps.", "Ein Hund schläft."),
    ("The man reads a book.", "Der Mann liest ein Buch."),
    ("The woman sees a dog.", "Die Frau sieht einen Hund."),
    ("The old man sleeps.", "Der alte Mann schläft."),
    ("A woman reads the letter.", "Eine Frau liest den Brief."),
]
CONFIG = """
corpus = { test = "test" }
tokenizer = { vocab_size = 330 }
model = { dim = 32, feed_forward_dim = 32, dropout = 0.0 }
encoder = { num_layers = 1, self_attention = { num_heads = 2 } }
decoder = { num_layers = 1, self_attention = { num_heads = 2 }, cross_attention = { num_heads = 2 } }
decoding = { beam_size = 4 }

[training]
steps = 60
batch_tokens = 512
learning_rate = 0.02
warmup_steps = 5
validate_every = 60
average = 1
label_smoothing = 0.0
"""


def memorise(folder: Path) -> RunFolder:
    """Write a corpus and `memorise.toml` into a folder, and train `runs/demo` there."""
    for split in ("train", "valid", "test"):
        for language, lines in zip(("en", "de"), zip(*PAIRS, strict=True), strict=True):
            (folder / f"{split}.{language}").write_text("".join(f"{line}\n" for line in lines))
    (folder / "memorise.toml").write_text(CONFIG)
    return translator.train(folder / "memorise.toml", output=folder / "runs" / "demo", device="cpu")
