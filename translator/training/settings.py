"""`[training]`: how a model is trained. The defaults suit a small corpus and one machine."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from translator.ops.dropout import ROUNDING
from translator.settings import MayChange, MayDiffer, NameIn, NoEffect, Probability, Settings
from translator.training.consistency import CONSISTENCIES
from translator.training.optimizers import OPTIMIZERS
from translator.training.schedules import SCHEDULES


class TrainingSettings(Settings):
    """How long, how fast and in which batches a model is trained, and what is saved."""

    seed: MayDiffer[int] = Field(
        1, ge=0, lt=2**63, description="seed of the initial parameters, the order of the pairs, and dropout"
    )
    steps: MayChange[int] = Field(8000, ge=1, description="optimizer updates in total")
    epochs: MayChange[int | None] = Field(
        None, ge=1, le=100_000, description="passes over the training pairs in total, instead of steps"
    )
    max_minutes: MayChange[float | None] = Field(None, gt=0, description="training time after which no update starts")
    batch_tokens: int = Field(4096, ge=1, description="tokens of an update, counting the longer side of each pair")
    accumulation: MayDiffer[int] = Field(
        1, ge=1, le=10_000, description="micro-batches of an update, to save memory; each has its own dropout"
    )
    pool_sentences: int = Field(
        20_000, ge=1, description="sentences shuffled together before they are sorted by length"
    )
    batch_by: Literal["tokens", "shape"] = Field(
        "tokens", description="'shape' cuts the corpus into batches of few shapes, for a GPU that captures updates"
    )

    learning_rate: float = Field(
        2e-3, gt=0, le=100, description="peak learning rate, reached at the end of the warm-up"
    )
    schedule: Annotated[str, NameIn(SCHEDULES)] = Field("inverse_sqrt", description="decay after the warm-up")
    warmup_steps: int = Field(1000, ge=0, description="updates during which the learning rate rises from zero")
    optimizer: Annotated[str, NameIn(OPTIMIZERS)] = Field(
        "adam",
        description="adam adds weight_decay to the gradient, adamw applies it to the parameters; muon orthogonalises the updates "
        "of matrices (Jordan et al. 2024) and uses adamw for embeddings and vectors",
    )
    adam_beta1: Probability = Field(0.9, description="decay of the mean gradient")
    adam_beta2: Probability = Field(0.98, description="decay of the mean squared gradient")
    weight_decay: float = Field(0.0, ge=0, description="how strongly parameters are pulled towards zero; see optimizer")
    clip_norm: float = Field(1.0, ge=0, description="norm that longer gradients are scaled down to; 0 never clips")
    label_smoothing: Probability = Field(0.1, description="share of the target's probability spread over all tokens")
    both_directions: int = Field(
        0,
        ge=0,
        description="updates that pretrain on the pairs in both directions (Ding et al. 2021), before those in one direction, "
        "which have a new optimizer and schedule; needs a joint vocabulary",
    )
    bpe_dropout: Probability = Field(
        0.0, description="probability of omitting each merge when training pairs are tokenized (Provilkov et al. 2020)"
    )
    unigram_alpha: float = Field(
        0.0,
        ge=0,
        le=10,
        description="draw segmentations of training pairs with probability p^alpha (Kudo 2018); 0: take the best one",
    )
    consistency: Annotated[str, NameIn(CONSISTENCIES)] = Field(
        "none",
        description="compute each pair twice and draw both outputs together, for small corpora: 'simcut' hides tokens from the "
        "second view (Gao et al. 2022), 'rdrop' only draws another dropout (Liang et al. 2021)",
    )
    consistency_weight: float = Field(3.0, ge=0, le=100, description="weight of the divergence of both outputs")
    consistency_cut: Probability = Field(
        0.05, description=f"share of the token embeddings that simcut sets to zero, on both sides; {ROUNDING}"
    )

    log_every: NoEffect[int] = Field(50, ge=1, description="updates between two log lines")
    validate_every: MayChange[int] = Field(500, ge=1, description="updates between two validations")
    save_every: MayChange[int] = Field(500, ge=1, description="updates between two checkpoints")
    keep_last: NoEffect[int] = Field(
        2, ge=1, description="newest checkpoints kept, besides the best and those to average"
    )
    patience: MayChange[int] = Field(
        0, ge=0, description="validations without a better BLEU before stopping early; 0 never does"
    )
    average: MayChange[int] = Field(5, ge=1, description="checkpoints averaged at the end; 1 averages none")
    average_of: MayChange[Literal["last", "best"]] = Field(
        "last", description="which checkpoints are averaged: the newest, or the best by BLEU"
    )
    ema: Probability = Field(
        0.0,
        description="decay of a moving average of the parameters, such as 0.999, which is used if it validates best",
    )
    samples: NoEffect[int] = Field(3, ge=0, le=10_000, description="validation sentences whose translation is shown")
    tensorboard: NoEffect[bool] = Field(False, description="also write event files into RUN/tensorboard")
    teacher: str | None = Field(
        None,
        description="runs, separated by commas, whose translations of the training sources are trained on as well (Kim and Rush "
        "2016); 'a+b' is the ensemble of a and b",
    )
    initialise_from: str | None = Field(None, description="run whose final parameters are the initial ones")
    mix: float = Field(
        0.0, ge=0, lt=1, description="share of the training pairs of that run among the pairs of every epoch"
    )

    @model_validator(mode="before")
    @classmethod
    def _prefer_epochs(cls, table: Any) -> Any:
        """Drop the steps if epochs are given: the number of steps then follows from the corpus."""
        has_epochs = isinstance(table, dict) and table.get("epochs") is not None
        return {key: value for key, value in table.items() if key != "steps"} if has_epochs else table

    def with_steps_of(self, updates_per_epoch: int) -> Self:
        """Return the settings with the steps that the epochs take; without epochs, the same settings."""
        return self.model_copy(update={"steps": self.epochs * updates_per_epoch}) if self.epochs else self

    @model_validator(mode="after")
    def _check_mix(self) -> Self:
        if self.mix and self.initialise_from is None:
            raise ValueError("mix needs a run whose pairs are mixed in, initialise_from; give it with --from")
        return self

    @model_validator(mode="after")
    def _check_directions(self) -> Self:
        if self.both_directions >= self.steps:
            raise ValueError(
                f"both_directions = {self.both_directions} leaves none of steps = {self.steps} for one direction"
            )
        return self

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 1: a straight rise to the peak, then the schedule.

        The updates in both directions and those in one have a schedule each.
        """
        both = self.both_directions
        step, num_steps = (step, both) if step <= both else (step - both, self.steps - both)
        if step < self.warmup_steps:
            return self.learning_rate * (step / self.warmup_steps)
        return self.learning_rate * SCHEDULES[self.schedule](step, self.warmup_steps, num_steps)
