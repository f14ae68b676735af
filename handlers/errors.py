"""Everything that can go wrong, split by one question: can asking again help?

SerinusError
├── Permanent            asking again brings the same answer
│   ├── BadEvent         400  the request is not what it claims to be
│   ├── Unauthorized     401  the sender did not say who it is, or is not allowed
│   ├── NotFound         404  the canary that the request names is not there
│   ├── NotNow           409  the command means nothing in the phase that the canary is in
│   ├── TooLarge         413
│   ├── Unsupported      415  a batch, or a format we do not read
│   ├── BadCanary        422  a Canary (or what it names) is not valid; told as an Event on it as well
│   └── BadSetting            the environment says something we cannot run with
└── Temporary            503  the one status that every sender retries
    ├── Conflict              somebody else wrote first
    └── Unavailable           the API server, or another dependency, is out of reach
        ├── Forbidden         the API server knows us and does not let us: a role lacks a right
        └── Held              a rollback has to wait: nothing but the canary can serve
"""


class SerinusError(Exception):
    """Base of all errors that this package raises on purpose."""

    status: int = 500


class Permanent(SerinusError):
    """Asking again brings the same answer."""


class BadEvent(Permanent):
    """The request is not what it claims to be."""

    status = 400


class Unauthorized(Permanent):
    """The sender did not say who it is, or is not allowed to send this."""

    status = 401


class NotFound(Permanent):
    """The canary that the request names is not there."""

    status = 404


class NotNow(Permanent):
    """The command means nothing in the phase that the canary is in."""

    status = 409


class TooLarge(Permanent):
    """The body is larger than any event that we know."""

    status = 413


class Unsupported(Permanent):
    """A batch of events, or a format that we do not read."""

    status = 415


class BadCanary(Permanent):
    """A Canary, or what it names, is not valid; the message names the field, the value and what was expected."""

    status = 422


class BadSetting(Permanent):
    """An environment variable says something that we cannot run with."""


class Temporary(SerinusError):
    """Asking again may help: 503 is the one status that every sender retries."""

    status = 503


class Conflict(Temporary):
    """Somebody else wrote first."""


class Unavailable(Temporary):
    """The API server, or another dependency, is out of reach."""


class Forbidden(Unavailable):
    """The API server does not let us; somebody may grant the right."""


class Held(Unavailable):
    """A rollback has to wait: the primary has no ready pod, and nothing but the canary can serve."""
