"""A port that the Canary names is a port that a container has, in the files or in the cluster."""

import pytest

from tests.explain.test_surroundings import at, canary, errors, workload


@pytest.mark.parametrize("applied", [False, True], ids=["in the files", "in the cluster"])
@pytest.mark.parametrize(("port", "said"), [("web", 0), ("wbe", 1), (8081, 0)], ids=["right", "a slip", "a number"])
def test_a_name_that_no_container_has_is_an_error(port: str | int, said: int, applied: bool) -> None:
    """With the names that there are; a number may be listened on though nobody declares it."""
    target = workload()
    target["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": 8080}]
    obj = canary()
    obj["spec"]["service"]["targetPort"] = port
    files, cluster = ([], at(target)) if applied else ([target], None)
    found = errors(obj, *files, cluster=cluster)
    assert len(found) == said
    assert all("names that they have: web" in text for text in found)
