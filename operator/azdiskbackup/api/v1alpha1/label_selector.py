"""Label selectors as everywhere in Kubernetes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from azdiskbackup.api.v1alpha1.base import Part, Rule

LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
LabelValue = Annotated[str, StringConstraints(max_length=63)]


class LabelRequirement(Part):
    """One requirement of a label selector."""

    rules = (
        Rule(
            "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0"
            " : !has(self.values) || size(self.values) == 0",
            lambda it: bool(it.values) == (it.operator in ("In", "NotIn")),
            "must be set for the operators 'In' and 'NotIn', and only for these",
            "values",
        ),
    )
    key: Annotated[LabelKey, Field(description="The label that the requirement is about.")]
    operator: Annotated[
        Literal["In", "NotIn", "Exists", "DoesNotExist"],
        Field(description="How the label relates to the values."),
    ]
    values: Annotated[
        list[LabelValue] | None,
        Field(max_length=64, description="The values for In and NotIn."),
    ] = None


class LabelSelector(Part):
    """A label selector as everywhere in Kubernetes; an empty one selects everything."""

    match_labels: Annotated[
        dict[str, LabelValue] | None,
        Field(max_length=64, description="Labels and the exact values that they must have."),
    ] = None
    match_expressions: Annotated[
        list[LabelRequirement] | None,
        Field(max_length=16, description="Requirements that must all hold."),
    ] = None
