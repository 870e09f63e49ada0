"""The schema that all clients share, api/mayfly.capnp, and what goes into its messages."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import capnp

_FILE = Path(__file__).parent / "mayfly.capnp"
# What the schema imports by "/capnp/...": the RPC library's own.
_IMPORTS = str(Path(capnp.__file__).parent.parent)

rpc: Any = capnp.load(str(_FILE), imports=[_IMPORTS])

# The RPC library's own terms, before what it has to say.
_EXPECTED = re.compile(r"^expected [^;]*; ")


def fill(builder: Any, fields: Mapping[str, Any]) -> None:
    """Sets `fields` of a message. Errors: ValueError for what the schema has no room for."""
    for name, value in fields.items():
        try:
            builder.from_dict({name: value})
        except (capnp.KjException, OverflowError) as refusal:
            why = getattr(refusal, "description", str(refusal))
            raise ValueError(f"{name}: {_EXPECTED.sub('', why)}") from None
