"""What went wrong, in a sentence."""

from azdiskbackup.errors import (
    Conflict,
    OperatorError,
)


def test_errors_speak_in_sentences() -> None:
    error = Conflict("Busy", "Another one runs.", action="Wait.", correlation_id="c-1")
    assert error.user_message == "Busy: Another one runs. Azure recommends: Wait. Correlation id c-1."
    assert OperatorError("X", "y").user_message == "X: y."
