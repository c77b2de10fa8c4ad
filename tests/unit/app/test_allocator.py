"""Memory."""

import gc

from azdiskbackup.app.allocator import tune_allocator


def test_what_is_made_after_the_start_is_collected() -> None:
    gc.disable()
    try:
        tune_allocator()
        assert gc.isenabled() and gc.get_freeze_count()
    finally:
        gc.enable()
        gc.unfreeze()
