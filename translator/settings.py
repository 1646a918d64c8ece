"""The one base class of every settings table; the tables themselves stand beside what they configure."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, field_validator
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """A frozen table of a config file: unknown keys are refused, every field carries its default, range and meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def check_number(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        """Refuse true and false for a number, and an integer that TOML does not have."""
        checked = check(value)
        if isinstance(value, bool) and not isinstance(checked, bool):
            raise PydanticCustomError("number_type", "a number")
        if isinstance(checked, int) and checked >= 2**63:
            raise PydanticCustomError("integer_size", "less than 9223372036854775808")
        return checked


Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
