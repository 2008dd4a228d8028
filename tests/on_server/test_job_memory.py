"""A job that needs more memory than it gets says so, instead of ending with a trace that nobody reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOMB = """
import resource, sys
from tasks.on_server.job import main
resource.setrlimit(resource.RLIMIT_DATA, (128 << 20, 128 << 20))
sys.exit(main(lambda request, progress: {"bytes": len(b"a" * request["bytes"])}, sys.argv[1]))
"""


def test_a_job_that_is_out_of_memory_complains_of_it(tmp_path: Path) -> None:
    for count, code, told in ((1 << 20, 0, "result"), (1 << 30, 1, "complaint")):
        (tmp_path / "request").write_bytes(b"")
        done = subprocess.run(
            [sys.executable, "-P", "-c", BOMB, str(tmp_path)], input=json.dumps({"bytes": count}).encode(),
            cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (code, b"")
        assert (tmp_path / told).exists()
    complaint = json.loads((tmp_path / "complaint").read_text())
    assert complaint == {"kind": "memory", "what": "it would need more memory than it gets"}
