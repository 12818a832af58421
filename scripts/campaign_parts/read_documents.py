"""Reads files, each within limits of time and memory: prints a JSON line for each.

python -m scripts.campaign_parts.read_documents SECONDS BYTES FILE...
"""

import json
import resource
import sys
import time
from pathlib import Path

from labourqa.errors import LabourQAError
from labourqa.ingestion import inspect_file


def main(seconds: float, most_bytes: int, paths: list[Path]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    for path in paths:
        started = time.process_time()
        problem = said = ""
        try:
            inspect_file(path)
        except LabourQAError as error:
            said = str(error)
        except Exception as error:  # noqa: BLE001  # what is looked for
            problem = f"{path.name}: traceback: {error!r}"
        if not problem and time.process_time() - started > seconds:
            problem = f"{path.name}: {time.process_time() - started:.0f} s"
        print(json.dumps({"problem": problem, "said": said.replace(path.name, "FILE")}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), list(map(Path, sys.argv[3:])))
