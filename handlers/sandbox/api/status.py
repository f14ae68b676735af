"""Refusals, worded as a Kubernetes API server words them (apimachinery's api/errors)."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
}


class ApiError(Exception):
    """A request that is refused; `body()` is the Status object that says why."""

    def __init__(self, code: int, message: str, *, reason: str = "", details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, "")
        self.details = details

    def body(self) -> Json:
        """The Status object of this refusal."""
        status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


class Undecodable(Exception):
    """A body that does not fit the Go type; how that is told depends on how it was sent."""


class Cause:
    """One reason why an object is not valid: the path of the field, and what is wrong with it."""

    __slots__ = ("field", "message", "reason")

    def __init__(self, reason: str, field: str, message: str) -> None:
        self.reason = reason
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def bad_request(message: str) -> ApiError:
    """The request cannot be read."""
    return ApiError(400, message)


def missing(group: str, plural: str, name: str) -> ApiError:
    """There is no object of this name."""
    return ApiError(404, f'{full(plural, group)} "{name}" not found', details=_details(group, plural, name))


def no_such_path() -> ApiError:
    """Nothing is served at this path."""
    return ApiError(404, "the server could not find the requested resource", details={})


def exists(group: str, plural: str, name: str) -> ApiError:
    """An object of this name is there already."""
    message = f'{full(plural, group)} "{name}" already exists'
    return ApiError(409, message, reason="AlreadyExists", details=_details(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str) -> ApiError:
    """Somebody wrote first, or a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {full(plural, group)} "{name}": {why}'
    return ApiError(409, message, details=_details(group, plural, name))


def forbidden(group: str, plural: str, name: str, why: str) -> ApiError:
    """The server will not do this, whoever asks."""
    message = f'{full(plural, group)} "{name}" is forbidden: {why}'
    return ApiError(403, message, details=_details(group, plural, name))


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """The object breaks its schema or a rule of its kind."""
    unique = list({str(cause): cause for cause in causes}.values())
    texts = [str(cause) for cause in unique]
    what = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Json = {"name": name, "group": group, "kind": kind}
    details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in unique]
    return ApiError(
        422,
        f'{full(kind, group)} "{name}" is invalid: {what}',
        details={key: value for key, value in details.items() if value},
    )


def expired(message: str) -> ApiError:
    """The asked revision is no longer in the log."""
    return ApiError(410, message, reason="Expired")


def full(plural: str, group: str) -> str:
    """A resource (or kind) with its group, as messages name it: `canaries.flagger.app`."""
    return f"{plural}.{group}" if group else plural


def success(group: str, plural: str, name: str, uid: str) -> Json:
    """The Status object that answers a deletion."""
    details = _details(group, plural, name) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _details(group: str, plural: str, name: str) -> Json:
    return {key: value for key, value in (("name", name), ("group", group), ("kind", plural)) if value}
