"""`training.tensorboard`: event files for `tensorboard --logdir RUN/tensorboard`.

The library's own writer would put the machine's name into the files. TensorBoard renders text as Markdown, so text from a
corpus is written as a code block.
"""

import io
import math
import struct
import time
from collections.abc import Callable

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.record_writer import RecordWriter

from translator.config import Config
from translator.errors import UsageError
from translator.jobs.inspect.attention import NOTICE, AttentionViewer, encode_stripped
from translator.jobs.translate.translator import Translator
from translator.report.curves import measurements
from translator.report.figure import render
from translator.runs.folder import RunFolder
from translator.storage.files import append
from translator.text.corpus import Corpus
from translator.text.visible import visible
from translator.training.journal import JournalEvent
from translator.training.progress import Progress, Report, Sample, Validation

TAGS = {
    "loss": "training/loss",
    "learning_rate": "training/learning_rate",
    "gradient_norm": "training/gradient_norm",
    "speed": "training/target_tokens_per_second",
    "cross_entropy": "validation/cross_entropy",
    "perplexity": "validation/perplexity",
    "bleu": "validation/BLEU",
}
"""The curves, with their names in TensorBoard."""


class EventFiles:
    """A `TrainingObserver` that writes a new file each time training starts or resumes. It draws no random numbers.

    If the disk refuses an event, `warn` is called once, and later events are still tried.
    """

    def __init__(self, run: RunFolder, translator: Translator, validation: Corpus, warn: Callable[[str], None]) -> None:
        self.run, self.translator, self.validation, self._warn = run, translator, validation, warn
        self._is_failing = False
        self.path = run.path / "tensorboard" / f"events.out.tfevents.{time.time_ns()}"
        self._write(Event(file_version="brain.Event:2"))

    def _write(self, event: Event) -> None:
        """Append an event to the file immediately."""
        event.wall_time = time.time()
        content = io.BytesIO()
        RecordWriter(content).write(event.SerializeToString())
        try:
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                append(file.fileno(), content.getvalue())
        except OSError as error:
            if not self._is_failing:
                self._warn(f"{self.path}: cannot be written ({error.strerror}); training continues without it")
            self._is_failing = True
        else:
            self._is_failing = False

    def notify(self, text: str) -> None:
        """Messages are not recorded."""

    def working(self, text: str) -> None:
        """Not recorded."""

    def began(self, progress: Progress, config: Config) -> None:
        """Discard what an earlier session wrote after the step from which this one resumes."""
        self._write(Event(step=progress.step + 1, session_log=SessionLog(status=SessionLog.START)))

    def updated(self, report: Report) -> None:
        """Write the numbers of one update."""
        values = _scalars(report, "loss", "learning_rate", "gradient_norm", "speed")
        self._write(Event(step=report.step, summary=Summary(value=values)))

    def validated(self, validation: Validation) -> None:
        """Write scores, samples and a picture of the attention weights."""
        values = _scalars(validation, "cross_entropy", "perplexity", "bleu")
        values += [text_value(f"sample/{number}", sample) for number, sample in enumerate(validation.samples, 1)]
        if picture := self._picture():
            values.append(Summary.Value(tag="attention", image=picture))
        self._write(Event(step=validation.step, summary=Summary(value=values)))

    def _picture(self) -> Summary.Image | None:
        """Return a picture of the attention weights of the first validation pair, None if the model has none.

        The target is the reference, so that all pictures show the same words. The layer is the last but one, which often
        aligns best (Garg et al. 2019).
        """
        self.translator.model.eval()  # without dropout; the next update switches it on again
        try:
            viewer = AttentionViewer(self.translator, self.run, layer=1, head=None)
        except UsageError:
            return None
        view = viewer.view._replace(layer=max(viewer.view.num_layers - 1, 1))
        pairs = encode_stripped(self.translator.tokenizer, self.validation.source[:1], self.validation.target[:1])
        ((_, (attention_map,)),) = viewer.view_pairs(*pairs, [view])
        content = render([attention_map.sheet], NOTICE, "png")
        width, height = struct.unpack(">II", content[16:24])  # where the header of a PNG has them
        return Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=content)  # 4: RGBA


def _scalars(event: JournalEvent, *names: str) -> list[Summary.Value]:
    """Return the measurements of these curves; one that is not finite is NaN, which TensorBoard marks."""
    measured = measurements(event)
    numbers = {TAGS[name]: measured[name].value if name in measured else math.nan for name in names}
    return [Summary.Value(tag=tag, simple_value=number) for tag, number in numbers.items()]


def text_value(tag: str, sample: Sample) -> Summary.Value:
    """Return a sample as a Markdown code block, in which every line is indented."""
    lines = (f"    {name:<12}{visible(text)}".replace("\n", " ") for name, text in sample._asdict().items())
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=["\n".join(lines).encode()])
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
