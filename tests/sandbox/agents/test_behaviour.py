"""What a pod and a Job's container are told to do."""

import pytest

from handlers.sandbox.behaviour import Behaviour, behaviour, job_command, version


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("app", "latest"),
        ("app:1.0", "1.0"),
        ("registry:5000/team/app", "latest"),
        ("registry:5000/team/app:1.0@sha256:abc", "1.0"),
    ],
)
def test_the_version_is_the_tag_of_the_image(image: str, expected: str) -> None:
    """A registry's port and a digest are not taken for the tag."""
    assert version(image) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("1.0", Behaviour(version="1.0")),
        ("1.0-errors", Behaviour(version="1.0-errors", fail_rate=0.5)),
        ("1.0-errors0", Behaviour(version="1.0-errors0")),
        ("1.0-errors30-slow300", Behaviour(version="1.0-errors30-slow300", fail_rate=0.3, delay_ms=300)),
        ("1.0-slow", Behaviour(version="1.0-slow", delay_ms=700)),
        ("1.0-missing", Behaviour(version="1.0-missing", missing=True)),
        ("1.0-never-ready", Behaviour(version="1.0-never-ready", ready=False)),
        ("1.0-crash", Behaviour(version="1.0-crash", crash=True)),
        ("1.0-crashed-slowly", Behaviour(version="1.0-crashed-slowly")),
    ],
)
def test_a_tag_tells_how_a_pod_behaves(tag: str, expected: Behaviour) -> None:
    """Each suffix sets its trait, and a word that only begins like one sets nothing."""
    assert behaviour({"image": f"app:{tag}"}) == expected


def test_the_environment_wins_over_the_tag() -> None:
    """FAIL_RATE and DELAY_MS replace what the tag says."""
    env = [{"name": "FAIL_RATE", "value": "0.25"}, {"name": "DELAY_MS", "value": "20"}]
    told = behaviour({"image": "app:1-errors-slow", "env": env})
    assert (told.fail_rate, told.delay_ms) == (0.25, 20)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"command": ["sleep", "2"]}, ("sleep", 2)),
        ({"command": ["sh", "-c", "sleep 0.5"]}, ("sleep", 0.5)),
        ({"command": ["/bin/sh", "-c"], "args": ["exit 3"]}, ("exit", 3)),
        ({"args": ["echo", "hello"]}, ("echo", 0)),
        ({"command": ["false"]}, ("exit", 1)),
        ({"command": ["rm", "-rf", "/"]}, ("exit", 127)),
        ({"command": ["sh", "-c", "sleep 1; rm x"]}, ("exit", 127)),
        ({}, ("exit", 127)),
    ],
)
def test_a_job_runs_known_commands_only(container: dict[str, object], expected: tuple[str, float]) -> None:
    """Anything but sleep, exit and echo is a command that is not found."""
    assert job_command(container) == expected
