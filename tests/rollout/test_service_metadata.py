"""Labels and annotations of the three Services: ours, declared ones, and those of others."""

from typing import Any

import pytest

from handlers.rollout.objects import merge_patch
from tests.rollout.services import OWNER, canary, render

FLUX = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}


def written(service: dict[str, Any], *wrote: tuple[str, str], manager: str = "serinus") -> dict[str, Any]:
    """The Service as the API server shows it after these (field, key) were written by a manager."""
    fields: dict[str, Any] = {}
    for field, key in wrote:
        fields.setdefault(f"f:{field}", {})[f"f:{key}"] = {}
    entry = {"manager": manager, "fieldsV1": {"f:metadata": fields}}
    meta = service["metadata"]
    return {**service, "metadata": {**meta, "managedFields": [*meta.get("managedFields", []), entry]}}


@pytest.mark.parametrize(
    ("owner", "ours"),
    [
        pytest.param([OWNER], True, id="owned"),
        pytest.param([OWNER | {"kind": "Deployment"}], False, id="owner ref but kind not Canary"),
        pytest.param([OWNER | {"name": "notpodinfo", "uid": "u-2"}], False, id="owner ref but another Canary"),
        pytest.param([], False, id="no owner ref"),
        pytest.param(None, False, id="nothing known"),
    ],
)
def test_only_an_owned_service_gets_labels(owner: Any, ours: bool) -> None:
    """ServiceRouter_isOwnedByCanary: what another made keeps its labels."""
    existing = {"metadata": {"name": "podinfo", "ownerReferences": owner}, "spec": {}}

    assert ("labels" in render("podinfo", canary(), existing)["metadata"]) is ours


def test_metadata_is_declared_for_each_service() -> None:
    """ServiceRouter_InitializeMetadata: the canary's has it, the primary's has only what Flux needs to see."""
    spec = canary(canary={"labels": {"test": "test"}, "annotations": {"test": "test"}})

    assert render("podinfo-canary", spec)["metadata"]["labels"] == {"test": "test", "app": "podinfo-canary"}
    assert render("podinfo-canary", spec)["metadata"]["annotations"] == {"test": "test", **FLUX}
    assert render("podinfo-primary", spec)["metadata"]["labels"] == {"app": "podinfo-primary"}
    assert render("podinfo-primary", spec)["metadata"]["annotations"] == FLUX


def test_changed_metadata_is_brought_in() -> None:
    """ServiceRouter_ReconcileMetadata: new values are written, and what we declared before and declare no more goes."""
    before = canary(apex={"labels": {"test": "test"}, "annotations": {"test": "test"}})
    after = canary(apex={"labels": {"test": "test1"}, "annotations": {"test1": "test"}})
    ours = [("labels", "test"), ("labels", "app"), ("annotations", "test"), *(("annotations", key) for key in FLUX)]
    existing = written(render("podinfo", before), *ours)

    patch = merge_patch(existing, render("podinfo", after, existing))

    assert patch == {"metadata": {"labels": {"test": "test1"}, "annotations": {"test": None, "test1": "test"}}}


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_strangers_metadata_stays(field: str) -> None:
    """What others wrote, or wrote as well, or we wrote under our own prefix, is not ours to remove.

    Flagger's TestServiceRouter_UnmanagedAnnotations, TestServiceRouter_UnmanagedLabels.
    """
    made = render("podinfo", canary())
    keys = {"theirs": "1", "both": "1", "serinus.dev/step": "n-1"}
    marked = {**made, "metadata": {**made["metadata"], field: made["metadata"][field] | keys}}
    existing = written(written(marked, (field, "both"), (field, "serinus.dev/step")), (field, "both"), manager="argocd")

    assert merge_patch(existing, render("podinfo", canary(), existing)) == {}


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_unmanaged_metadata_is_left_to_others(field: str) -> None:
    """ServiceRouter_Unmanaged*: declared values come back, unmanaged ones keep the value that somebody gave them.

    Flagger's TestServiceRouter_UnmanagedAnnotations, TestServiceRouter_UnmanagedLabels,
    TestServiceRouter_UnmanagedMetadata_AnnotationsAndLabels.
    """
    spec = canary(apex={field: {"test": "expected", "open": "ours"}}, unmanagedMetadata={field: ["open", "absent"]})
    made = render("podinfo", spec)
    changed = {"test": "newvalue", "open": "theirs"}
    existing = {**made, "metadata": {**made["metadata"], field: made["metadata"][field] | changed}}

    found = render("podinfo", spec, existing)["metadata"][field]

    assert {key: found.get(key) for key in ("test", "open", "absent")} == {
        "test": "expected",
        "open": "theirs",
        "absent": None,
    }
