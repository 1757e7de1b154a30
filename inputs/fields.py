"""Kinds of text that several parts of an experiment file have."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from nuem.inputs.errors import InputError
from nuem.inputs.expressions import parse

__all__ = ["ExpressionText", "Text"]

#: Text that says something.
Text = Annotated[str, Field(min_length=1)]


def _is_expression(text: str) -> str:
    try:
        parse(text)
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


#: An expression of branches and derived quantities, parsed when the file is read.
ExpressionText = Annotated[str, Field(min_length=1), AfterValidator(_is_expression)]
