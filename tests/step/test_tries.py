"""A step that somebody else's write has stopped is tried again."""

from datetime import timedelta
from itertools import count

from tests.lab import at, new_lab


def test_a_step_outlasts_a_controller_that_is_busy_with_its_objects() -> None:
    """Between its tries a step waits a little, so that writes that follow each other closely do not use them all up."""
    lab = at(new_lab(), "Progressing", 20)
    begun, numbers = lab.clock() + timedelta(seconds=10), count()

    def busy(verb: str, path: str) -> None:
        if verb == "patch" and path.endswith("/canaries/app") and lab.clock() < begun + timedelta(milliseconds=250):
            lab.edit("flagger.app/v1beta1/canaries/app", {"metadata": {"annotations": {"busy": str(next(numbers))}}})

    lab.cluster.before = busy
    lab.tick()
    assert lab.weights == (60, 40)
    assert next(numbers) == 2
