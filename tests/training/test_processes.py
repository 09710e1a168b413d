import math
import subprocess
import sys
from dataclasses import replace

from foveate.training.run_directory import Run

TWO_PROCESSES = """
import sys, torch
from foveate.training.run import fit
from foveate.specs.run import RunSpec

torch.set_num_threads(1)
flags = {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}
fit(RunSpec.load(sys.argv[1]), sys.argv[2], trainer_flags=flags)
"""


def test_two_gloo_processes_leave_one_run(small_spec, tmp_path):
    spec = small_spec(epochs=1)
    model = replace(spec.model, arm="afma@logits(level=1,patch_size=4)")
    spec = replace(spec, data=replace(spec.data, batch=2), model=model)
    spec.save(tmp_path / "asked.yaml")
    (tmp_path / "script.py").write_text(TWO_PROCESSES)
    subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path / "asked.yaml", tmp_path / "a"],
        check=True,
        timeout=300,
    )
    run = Run(tmp_path / "a")
    (row,) = run.metrics()
    assert run.is_complete
    assert row["step"] == 3  # 12 images, 2 processes, 2 at a time
    assert all(math.isfinite(value) for value in row.values())
    assert 0 < row["train_auxiliary"] < row["train_loss"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "asked.yaml", "script.py"]
    assert len(list((run.folder / "tb").glob("events*"))) == 1
