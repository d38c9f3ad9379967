"""What every table of the configuration is made of."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(ge=0)]
Listed = Annotated[float, Field(strict=True)]
"""A number in a list or a table of numbers: no ``true``, and none in quotes."""
Positive = Annotated[int, Field(ge=1)]
Kept = Annotated[int, Field(ge=1, le=10_000)]
"""Of each track or listener: a slip of many zeros would take all memory in the night."""
LARGEST = 2**31 - 1
"""Of the whole numbers that the libraries below take, as Annoy its seed: more overflows there, in the night."""


class Section(BaseModel):
    """A table of the TOML: immutable, and a field it does not know is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """``true`` is no number, ``"7"`` is none, and 1 is not ``true``: pydantic would take each for the other."""
        kind = cls.model_fields[str(info.field_name)].annotation
        if kind is bool and not isinstance(value, bool):
            raise ValueError("Input should be true or false, without quotes")
        if kind in (int, float) and isinstance(value, (bool, str)):
            raise ValueError("Input should be a number, without quotes")
        return value

    @field_validator("*")
    @classmethod
    def _overflows_nowhere(cls, value: Any) -> Any:
        if isinstance(value, int) and value > LARGEST:
            raise ValueError(f"Input should be less than or equal to {LARGEST}")
        return value
