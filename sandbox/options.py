"""The options of a running sandbox."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from sandbox.shapes import Chaos

Data = dict[str, Any]


@dataclass
class Options:
    """What POST /__sandbox__/options can change; times in seconds of the sandbox's clock.

    Only `latency` is in real seconds: every answer of the API is delayed by it.
    """

    row_errors: bool = True
    message_ids: bool = False
    echo_file_name: bool = True
    header_row: str = "auto"
    list_jobs_delay: float = 0.0
    sync_seconds: float = 0.0
    latency: float = 0.0
    conversations: bool = True
    max_rows: int = 10_000
    page_size: int = 20
    max_page_size: int = 100
    chaos_unknown_status: float = Chaos.unknown_status
    chaos_missing_id: float = Chaos.missing_id
    chaos_bad_gateway: float = Chaos.bad_gateway
    chaos_slow: float = Chaos.slow
    chaos_slow_seconds: float = Chaos.slow_seconds

    def change(self, changes: Data) -> None:
        """Set the named options, or raise ValueError and change none."""
        known = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in changes.items():
            kind = known.get(name)
            if kind is float and type(value) is int:
                continue
            if kind is None or type(value) is not kind:
                raise ValueError(f"{name} is no option, or its value has the wrong type")
        if changes.get("header_row", "auto") not in ("auto", "always", "never"):
            raise ValueError("header_row must be auto, always or never")
        if not 0 <= changes.get("latency", 0) <= 60:
            raise ValueError("latency must be between 0 and 60")
        for name, value in changes.items():
            setattr(self, name, known[name](value))

    @property
    def chaos(self) -> Chaos:
        values = asdict(self)
        return Chaos(**{f.name: values[f"chaos_{f.name}"] for f in fields(Chaos)})
