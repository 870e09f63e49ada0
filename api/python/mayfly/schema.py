"""The schema that all clients share, api/mayfly.capnp."""

from pathlib import Path
from typing import Any

import capnp

_FILE = Path(__file__).parent / "mayfly.capnp"
# What the schema imports by "/capnp/...": the RPC library's own.
_IMPORTS = str(Path(capnp.__file__).parent.parent)

rpc: Any = capnp.load(str(_FILE), imports=[_IMPORTS])
