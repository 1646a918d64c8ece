"""The base class of all settings tables; each table is defined next to the code that it configures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Settings(BaseModel):
    """A frozen table of a config file. Every field has a default, a range and a meaning; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _check_number(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        """Reject booleans where a number is expected, and integers that TOML cannot represent."""
        checked = check(value)
        if isinstance(value, bool) and not isinstance(checked, bool):
            raise PydanticCustomError("number_type", "a number")
        if isinstance(checked, int) and checked >= 2**63:
            raise PydanticCustomError("integer_size", "less than 9223372036854775808")
        return checked


@dataclass(frozen=True)
class NameIn:
    """Restricts a setting to the names in a registry: `cell: Annotated[str, NameIn(CELLS)]`.

    Validates like a `Literal` of these names and reports the same errors. The registry is read when the settings class
    is defined.
    """

    registry: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.registry))


Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
