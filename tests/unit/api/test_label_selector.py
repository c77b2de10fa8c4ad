"""Selectors that cannot be."""

import pytest

from azdiskbackup.api.v1alpha1.label_selector import LabelRequirement


def test_labels_are_needed_exactly_where_the_operator_asks_for_values() -> None:
    with pytest.raises(ValueError, match="must be set for the operators"):
        LabelRequirement(key="x", operator="In")
    with pytest.raises(ValueError, match="must be set for the operators"):
        LabelRequirement(key="x", operator="Exists", values=["a"])
