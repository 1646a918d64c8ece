"""The one base class of every settings table; the tables themselves stand beside what they configure."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A frozen table of a config file: unknown keys are refused, every field carries its default, range and meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
