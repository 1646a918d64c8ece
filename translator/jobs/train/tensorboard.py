"""`training.tensorboard`: what happens in a training as event files, for `tensorboard --logdir RUN/tensorboard`.

The files are written here and not by the library's writer, which puts the machine's name into theirs. Text is Markdown to
TensorBoard, so what comes from a corpus goes in as a block of code.
"""

import struct
import time

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.record_writer import RecordWriter

from translator.config import Config
from translator.errors import UsageError
from translator.jobs.inspect.attention import NOTICE, AttentionViewer
from translator.jobs.train.events import Sample, Validation
from translator.jobs.translate.translator import Translator
from translator.report.figure import render
from translator.report.heat_map import HeatMap
from translator.runs.folder import RunFolder
from translator.storage.files import disk_error
from translator.text.corpus import Corpus
from translator.text.visible import visible
from translator.training.progress import Progress, Report


class EventFiles:
    """A `Watcher` that writes a new file each time a training begins or goes on. It draws nothing and changes nothing."""

    def __init__(self, run: RunFolder, translator: Translator, validation: Corpus) -> None:
        self.run, self.translator, self.validation = run, translator, validation
        self.path = run.path / "tensorboard" / f"events.out.tfevents.{time.time_ns()}"
        self.write(Event(file_version="brain.Event:2"))

    def write(self, event: Event) -> None:
        """Append an event, at once."""
        event.wall_time = time.time()
        try:
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                RecordWriter(file).write(event.SerializeToString())
        except OSError as error:
            raise disk_error(self.path, error) from error

    def notify(self, text: str) -> None:
        """Not kept."""

    def began(self, progress: Progress, config: Config) -> None:
        """Take back what an earlier sitting wrote after the step from which this one goes on."""
        self.write(Event(step=progress.step + 1, session_log=SessionLog(status=SessionLog.START)))

    def updated(self, report: Report) -> None:
        """The numbers of one update."""
        numbers = {
            "training/loss": report.loss,
            "training/learning_rate": report.learning_rate,
            "training/gradient_norm": report.gradient_norm,
            "training/target_tokens_per_second": report.num_tokens / max(report.seconds, 1e-9),
        }
        values = [Summary.Value(tag=tag, simple_value=number) for tag, number in numbers.items()]
        self.write(Event(step=report.step, summary=Summary(value=values)))

    def validated(self, validation: Validation) -> None:
        """Scores, samples, and where the model looks."""
        values = [
            Summary.Value(tag="validation/loss", simple_value=validation.loss),
            Summary.Value(tag="validation/BLEU", simple_value=validation.bleu),
            *(text_value(f"sample/{number}", sample) for number, sample in enumerate(validation.samples, 1)),
        ]
        if seen := self.look():
            values.append(picture_value("attention", seen))
        self.write(Event(step=validation.step, summary=Summary(value=values)))

    def look(self) -> HeatMap | None:
        """The first validation source, forced on its reference, so that all pictures are alike; None without weights.

        The layer is the last but one, which often aligns best (Garg et al. 2019).
        """
        self.translator.model.eval()  # dropout would draw; the next update turns it on again
        try:
            viewer = AttentionViewer(self.translator, self.run, layer=1, head=None)
        except UsageError:
            return None
        view = viewer.view._replace(layer=max(viewer.view.num_layers - 1, 1))
        tokenizer = self.translator.tokenizer
        source = tokenizer.encode_source([self.validation.source[0].strip()])
        target = tokenizer.encode_target([self.validation.target[0].strip()])
        ((_, (seen,)),) = viewer.view_pairs(source, target, [view])
        return seen.heat_map


def text_value(tag: str, sample: Sample) -> Summary.Value:
    """A sample as a block of code, which is what indented lines are in Markdown."""
    lines = (f"    {name:<12}{visible(text)}".replace("\n", " ") for name, text in sample._asdict().items())
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=["\n".join(lines).encode()])
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)


def picture_value(tag: str, seen: HeatMap) -> Summary.Value:
    """A heat map as a PNG, which has its width and height at bytes 16 to 24."""
    content = render([seen], NOTICE, "png")
    width, height = struct.unpack(">II", content[16:24])
    image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=content)
    return Summary.Value(tag=tag, image=image)
