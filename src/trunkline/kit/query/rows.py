"""Objects made of rows whose maps and lists come as JSON (jsonb columns, lists that a statement gathers)."""

import typing
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def from_rows(model: type[T]) -> Callable[..., T]:
    """What makes `model` of a row's values, for `Listing.model`: fields that are dicts or tuples are read from JSON text."""
    decoders = [
        (index, msgspec.json.Decoder(field.type).decode)
        for index, field in enumerate(msgspec.structs.fields(model))
        if typing.get_origin(field.type) in (dict, tuple)
    ]
    if not decoders:
        return model

    def read(*row: Any) -> T:
        values = list(row)
        for index, decode in decoders:
            values[index] = decode(values[index])
        return model(*values)

    return read
