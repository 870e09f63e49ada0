"""What goes wrong, and how it came over the wire."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import capnp

# The codes of absl::StatusCode, as Mayfly begins its errors with them.
_CODE = re.compile(r"(?:^|: )([A-Z][A-Z_]+): (.*)", re.DOTALL)
_UNAVAILABLE = "UNAVAILABLE"
_INTERNAL = "INTERNAL"


class Error(Exception):
    """A call that failed. `code` is the kind, such as "NOT_FOUND"; `message` says what and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


def _from_description(description: str, kind: str) -> Error:
    found = _CODE.search(description)
    if found:
        return Error(found[1], found[2].strip())
    return Error(_UNAVAILABLE if kind == "DISCONNECTED" else _INTERNAL, description)


def cannot_connect(path: str, error: OSError) -> Error:
    """Why nobody answers at `path`, and what to do."""
    what = f"connecting to the host service at {path}: {error.strerror or error}"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return Error(_UNAVAILABLE, f"{what}; start mayflyd, or name its socket in $MAYFLY_HOST")
    if isinstance(error, PermissionError):
        return Error("PERMISSION_DENIED", f"{what}; its socket says who may")
    return Error(_UNAVAILABLE, what)


@contextmanager
def translated() -> Iterator[None]:
    """Makes exceptions of the RPC library ours."""
    try:
        yield
    except capnp.KjException as exception:
        raise _from_description(exception.description, str(exception.type)) from None
