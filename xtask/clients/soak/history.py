"""What one client did, as Jepsen's operations: one beginning or one end a line of JSON.

Lines may come late and so out of order: whoever reads several clients' files sorts them by time,
which all processes of a machine share.
"""

import json
import time

now = time.monotonic_ns


class History:
    def __init__(self, path: str):
        self.file = open(path, "w", encoding="ascii")

    def operation(
        self, process: int, f: str, begun: int, asked: list, told: list | None, **more: object
    ) -> None:
        """One that happened, or about which nothing was told and nobody knows."""
        common = {"process": process, "f": f}
        self.line({"time": begun, "type": "invoke", **common, "value": asked, **more})
        kind, value = ("ok", told) if told is not None else ("info", asked)
        self.line({"time": now(), "type": kind, **common, "value": value, **more})

    def line(self, line: dict) -> None:
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self.file.close()
