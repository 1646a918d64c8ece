"""What all settings tables share: their base class, and types and markers for their fields.

Each table is defined next to the code that it configures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidatorFunctionWrapHandler, field_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from translator.errors import expected_name


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

    A registry whose entries import the settings class is given as a function that returns it, called when a value is
    checked. Errors list the names and suggest the most similar one.
    """

    registry: Mapping[str, object] | Callable[[], Mapping[str, object]]

    @property
    def names(self) -> list[str]:
        """The names that the setting may have."""
        return list(self.registry() if callable(self.registry) else self.registry)

    def check(self, name: object) -> object:
        """Return the name. Raise PydanticCustomError if the registry does not have it."""
        if name not in self.names:
            raise PydanticCustomError("unknown_name", "{expected}", {"expected": expected_name(name, self.names)})
        return name

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Callable[[CoreSchema], Any]) -> dict[str, Any]:
        return {"type": "string", "enum": self.names}


class Freedom(Enum):
    """Where a setting may differ although everything else must be equal."""

    ON_RESUME = "between the first and the later sessions of one run"
    IN_COMPARISON = "between runs that are compared"


ValueT = TypeVar("ValueT")

MayChange: TypeAlias = Annotated[ValueT, Freedom.ON_RESUME]
MayDiffer: TypeAlias = Annotated[ValueT, Freedom.IN_COMPARISON]
NoEffect: TypeAlias = Annotated[ValueT, Freedom.ON_RESUME, Freedom.IN_COMPARISON]
"""A setting that changes no result, only what is shown or kept."""

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
