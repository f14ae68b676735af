"""Server-side apply and managedFields."""

from typing import Any

from tests.sandbox.api.client import APPLY, STRATEGIC, Api, Json, canary, configmap, deployment

PAUSE: Json = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}


def managers(body: Json) -> dict[tuple[str, str, str], Json]:
    """managedFields by manager, operation and subresource."""
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry["fieldsV1"]
        for entry in body["metadata"].get("managedFields", ())
    }


def test_create_is_owned_by_its_writer(api: Api, configmaps: str) -> None:
    """A POST is an Update by the program's name, in the paths that it wrote."""
    made = api.post(configmaps, configmap("a", {"k": "v"}, labels={"l": "1"}))
    expected = {"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}}
    assert managers(made.body) == {("conformance", "Update", ""): expected}
    entry = made.body["metadata"]["managedFields"][0]
    assert (entry["apiVersion"], entry["fieldsType"]) == ("v1", "FieldsV1")


def test_field_manager_names_the_writer(api: Api, configmaps: str) -> None:
    """fieldManager goes before the User-Agent, and the last writer of a field owns it."""
    api.post(configmaps, configmap("a", {"k": "v", "stay": "1"}), fieldManager="first")
    changed = api.patch(f"{configmaps}/a", {"data": {"k": "w"}}, fieldManager="second")
    found = managers(changed.body)
    assert found["first", "Update", ""] == {"f:data": {".": {}, "f:stay": {}}}
    assert found["second", "Update", ""] == {"f:data": {"f:k": {}}}


def test_removed_fields_are_nobodys(api: Api, configmaps: str) -> None:
    """A field that is gone leaves managedFields as well."""
    api.post(configmaps, configmap("a", {"k": "v", "stay": "1"}))
    changed = api.patch(f"{configmaps}/a", {"data": {"k": None}})
    assert managers(changed.body) == {("conformance", "Update", ""): {"f:data": {".": {}, "f:stay": {}}}}


def test_status_writes_are_told_apart(api: Api, canaries: str) -> None:
    """The status subresource has its own entry."""
    api.post(canaries, canary())
    told = api.patch(f"{canaries}/podinfo/status", {"status": {"phase": "Waiting"}}, fieldManager="serinus")
    assert managers(told.body)["serinus", "Update", "status"] == {"f:status": {".": {}, "f:phase": {}}}


def test_scale_is_told_apart(api: Api, deployments: str) -> None:
    """Who set replicas through /scale can be read from managedFields."""
    api.post(deployments, deployment("a"))
    api.patch(f"{deployments}/a/scale", {"spec": {"replicas": 3}}, fieldManager="scaler")
    found = managers(api.get(f"{deployments}/a").body)
    assert found["scaler", "Update", "scale"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in found["conformance", "Update", ""]["f:spec"]


def test_lists_of_containers_are_owned_by_key(api: Api, deployments: str) -> None:
    """A container is a member under its name, a port under port and protocol."""
    made = api.post(deployments, deployment("a"))
    template = managers(made.body)["conformance", "Update", ""]["f:spec"]["f:template"]["f:spec"]
    container = template["f:containers"]['k:{"name":"podinfod"}']
    assert container["f:ports"]['k:{"containerPort":9898,"protocol":"TCP"}'] == {
        ".": {},
        "f:containerPort": {},
        "f:protocol": {},
    }


def test_apply_creates_and_updates(api: Api, configmaps: str) -> None:
    """The first apply creates with 201, the second changes with 200, the third does nothing."""
    path = f"{configmaps}/a"
    first = api.apply(path, configmap("a", {"k": "1"}), "me")
    assert first.status == 201
    assert managers(first.body) == {("me", "Apply", ""): {"f:data": {"f:k": {}}}}
    second = api.apply(path, configmap("a", {"k": "2"}), "me")
    assert (second.status, second.body["data"]) == (200, {"k": "2"})
    assert api.apply(path, configmap("a", {"k": "2"}), "me").version == second.version


def test_apply_takes_away_what_is_no_longer_stated(api: Api, configmaps: str) -> None:
    """A field that its sole owner does not state again is removed; one that others own stays."""
    path = f"{configmaps}/a"
    api.apply(path, configmap("a", {"mine": "1", "shared": "1"}), "me")
    api.apply(path, configmap("a", {"shared": "1"}), "you")
    api.patch(path, {"data": {"theirs": "1"}})
    left = api.apply(path, configmap("a", {}), "me")
    assert left.body["data"] == {"shared": "1", "theirs": "1"}


def test_apply_conflicts_and_force(api: Api, deployments: str) -> None:
    """Another owner's field is 409 with its path, unless forced, and then the other loses it."""
    path = f"{deployments}/a"
    api.apply(path, deployment("a", replicas=2), "one")
    change = PAUSE | {"spec": {"replicas": 5}}
    refused = api.apply(path, change, "two")
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.replicas"}
    assert refused.body["details"]["causes"] == [cause]
    forced = api.apply(path, change, "two", force="true")
    assert forced.body["spec"]["replicas"] == 5
    assert "f:replicas" not in managers(forced.body)["one", "Apply", ""]["f:spec"]


def test_apply_of_an_equal_value_shares_it(api: Api, deployments: str) -> None:
    """Two managers may own a field that they agree about."""
    path = f"{deployments}/a"
    api.apply(path, deployment("a", replicas=2), "one")
    shared = api.apply(path, PAUSE | {"spec": {"replicas": 2}}, "two")
    assert shared.status == 200
    owners = {name: found for (name, *_), found in managers(shared.body).items() if name in ("one", "two")}
    assert all("f:replicas" in found["f:spec"] for found in owners.values())
    assert len(owners) == 2


def test_update_of_an_applied_field_conflicts_with_the_next_apply(api: Api, deployments: str) -> None:
    """After a plain update the applier has to force to get its field back."""
    path = f"{deployments}/a"
    api.apply(path, deployment("a", replicas=2), "gitops")
    api.patch(path, {"spec": {"replicas": 7}}, fieldManager="hand")
    refused = api.apply(path, deployment("a", replicas=2), "gitops")
    assert refused.status == 409
    assert 'conflict with "hand" using apps/v1: .spec.replicas' in refused.body["message"]


def test_apply_merges_lists_by_key(api: Api, deployments: str) -> None:
    """Containers and their environment merge by name; what one manager leaves out, another's stays."""
    path = f"{deployments}/a"
    body = deployment("a")
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
    ]
    api.apply(path, body, "one")
    more = {"name": "podinfod", "env": [{"name": "C", "value": "3"}]}
    api.apply(path, PAUSE | {"spec": {"template": {"spec": {"containers": [more]}}}}, "two")
    body["spec"]["template"]["spec"]["containers"][0]["env"].pop()
    found = api.apply(path, body, "one").body["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in found[0]["env"]] == ["A", "C"]


def test_apply_of_a_custom_resource_follows_its_schema(api: Api, widget_path: str, widget: Json) -> None:
    """Lists of type map and set merge in custom resources as well."""
    path = f"{widget_path}/one"

    def stated(**spec: Any) -> Json:
        return widget | {"spec": {"size": 1} | spec}

    api.apply(path, stated(parts=[{"name": "a", "count": 2}], tags=["x"]), "one")
    both = api.apply(path, stated(parts=[{"name": "b"}], tags=["y"]), "two")
    assert both.body["spec"]["parts"] == [{"name": "a", "count": 2}, {"name": "b", "count": 1}]
    assert both.body["spec"]["tags"] == ["x", "y"]
    left = api.apply(path, stated(), "one")
    assert left.body["spec"]["parts"] == [{"name": "b", "count": 1}]
    assert left.body["spec"]["tags"] == ["y"]


def test_apply_to_the_status(api: Api, widget_path: str, widget: Json) -> None:
    """Through /status an apply owns the status alone."""
    api.post(widget_path, widget)
    told = api.apply(f"{widget_path}/one/status", widget | {"status": {"ready": True}}, "status-writer")
    assert told.body["status"] == {"ready": True}
    assert managers(told.body)["status-writer", "Apply", "status"] == {"f:status": {"f:ready": {}}}


def test_apply_is_refused_when_it_makes_no_sense(api: Api, configmaps: str) -> None:
    """An apply needs a manager, the name of its path, and no managedFields of its own."""
    path = f"{configmaps}/a"
    nobody = api.call("PATCH", path, configmap("a"), kind=APPLY)
    assert (nobody.status, nobody.body["reason"]) == (422, "Invalid")
    assert "fieldManager: Required value: is required for apply patch" in nobody.body["message"]
    assert api.apply(path, configmap("b"), "me").status == 400
    assert api.apply(path, configmap("a", managedFields=[{}]), "me").status == 400


def test_apply_of_an_unknown_field_is_refused(api: Api, widget_path: str, widget: Json) -> None:
    """A custom resource cannot be applied with a field that its schema does not know."""
    answer = api.apply(f"{widget_path}/one", widget | {"spec": {"size": 1, "bogus": 1}}, "me")
    assert answer.status == 500
    assert ".spec.bogus: field not declared in schema" in answer.body["message"]


def test_dry_apply_stores_nothing(api: Api, configmaps: str) -> None:
    """dryRun holds for apply as well."""
    assert api.apply(f"{configmaps}/a", configmap("a"), "me", dryRun="All").status == 201
    assert api.get(f"{configmaps}/a").status == 404


def test_strategic_patch_is_owned_like_any_update(api: Api, deployments: str) -> None:
    """kubectl's way of patching leaves the same traces."""
    api.post(deployments, deployment("a"))
    change = {"spec": {"template": {"spec": {"containers": [{"name": "podinfod", "image": "podinfo:7"}]}}}}
    found = managers(api.patch(f"{deployments}/a", change, STRATEGIC, fieldManager="kubectl-set").body)
    owned = found["kubectl-set", "Update", ""]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert owned == {'k:{"name":"podinfod"}': {"f:image": {}}}
