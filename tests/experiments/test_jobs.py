"""One story for all tests: a process trains in a pool of two processes, which are killed, as it is itself."""

import json
import re
import signal
from types import SimpleNamespace

import psutil
import pytest

STORY = """
import json, os, signal, threading
from dataclasses import replace
import psutil, torch
from foveate.errors import UserError
from foveate.experiments.engines.local import local_engine
from foveate.experiments.jobs import TrainingJob, run_jobs
from foveate.loading.module import DataModule
from foveate.training.run_directory import Run

torch.set_num_threads(1)
data = DataModule(spec.data)
told = {}

def tell(**facts):
    told.update(facts)
    (out / "told.json").write_text(json.dumps(told))

def job(folder, arm="none", seed=0, **training):
    run = spec.run(arm, seed)
    return TrainingJob(replace(run, training=replace(run.training, **training)), out / folder, data)

def children():
    return [child.pid for child in psutil.Process().children() if "job_process" in " ".join(child.cmdline())]

def error_of(pool, jobs, progress=None):
    try:
        run_jobs(jobs, pool, progress)
    except UserError as error:
        return [type(error).__name__, str(error)]

pairs = [("none", 0), ("se@decoder", 0), ("none", 1)]
with local_engine(1) as alone:
    run_jobs([job(f"alone/{number}", *pairs[number]) for number in (2, 1, 0)], alone)
    tell(error_alone=error_of(alone, [job("bad_alone", lr=1e30)]))

with local_engine(2) as pool:
    events, finished = [], []
    three = [job(f"pool/{number}", *pair) for number, pair in enumerate(pairs)]
    run_jobs(
        three,
        pool,
        lambda job, event: events.append([job.folder.name, event.step]),
        lambda job: finished.append(job.folder.name),
    )
    scores = [Run(job.folder).result.best_score for job in three]
    tell(events=events, finished=finished, scores=scores, first=children())
    run_jobs(three, pool, lambda job, event: tell(trained_twice=True))

    tell(error=error_of(pool, [job("beside", epochs=500), job("bad", lr=1e30)]))

    def interrupt(job, event):
        if event.step == 3:
            signal.raise_signal(signal.SIGINT)

    pair = [job("stopped/0", epochs=3), job("stopped/1", seed=1, epochs=3)]
    tell(interrupted=error_of(pool, pair, interrupt), second=children())
    resumed = {}
    run_jobs(pair, pool, lambda job, event: resumed.update({job.folder.name: event.resumed_at}))
    tell(resumed=resumed)

    begun = []
    def kill(job, event):
        if event.resumed_at not in begun and event.step == event.resumed_at + 3:
            begun.append(event.resumed_at)
            next(process for process in pool._processes if process.job).process.kill()

    tell(killed=error_of(pool, [job("killed", epochs=500)], kill), begun=begun, third=children())

    def die():
        while not (last := children()):
            pass
        tell(last=last)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=die).start()
    run_jobs([job("orphan")], pool)
"""


@pytest.fixture(scope="module")
def story(small_spec, begin, tmp_path_factory) -> SimpleNamespace:
    out = tmp_path_factory.mktemp("jobs")
    child = begin(STORY, spec=small_spec, out=out)
    child.join(200)
    return SimpleNamespace(out=out, exitcode=child.exitcode, **json.loads((out / "told.json").read_text()))


def test_the_weights_do_not_depend_on_how_many_are_trained_at_once_and_what_was_trained_before(story):
    for number in range(3):
        alone, pool = (story.out / way / str(number) / "best.safetensors" for way in ("alone", "pool"))
        assert alone.read_bytes() == pool.read_bytes()
    environment = json.loads((story.out / "pool/0/environment.json").read_text())
    assert environment["threads"] == 1


def test_jobs_begin_in_order_and_two_are_under_way(story):
    begun = list(dict.fromkeys(folder for folder, _ in story.events))
    assert begun.index("0") < begun.index("2")
    assert sorted(story.finished) == ["0", "1", "2"]
    assert len(story.scores) == 3
    assert len(story.first) == 2
    steps = [step for folder, step in story.events if folder == "2"]
    assert steps == [1, 2, 2]


def test_complete_jobs_are_not_trained_again(story):
    assert not hasattr(story, "trained_twice")


def test_an_error_is_the_one_of_this_process_and_the_other_run_is_stopped(story):
    alone = [text.replace("bad_alone", "bad") for text in story.error_alone]
    assert story.error == alone
    assert alone[0] == "LossNotFinite"
    assert not (story.out / "beside/result.json").exists()


def test_ctrl_c_stops_all_runs_and_they_resume_in_the_same_processes(story):
    kind, words = story.interrupted
    assert kind == "Interrupted"
    assert "can be resumed from the end of their last epoch" in words
    assert story.second == story.first
    assert max(story.resumed.values()) == 2
    assert all((story.out / "stopped" / name / "result.json").exists() for name in "01")


def test_a_run_whose_process_is_killed_resumes_in_another_and_is_then_an_error(story):
    assert story.begun == [0, 2]
    kind, words = story.killed
    assert kind == "KilledForMemory"
    assert re.search(r"it held \d+\.\d GB of \d+\.\d GB, of which \d+\.\d GB are free now", words)
    assert words.startswith(
        f"{story.out / 'killed'}: the process that trained this run was killed (signal 9)"
    )
    assert "--jobs 1" in words
    assert story.third == []


def test_processes_end_when_their_parent_is_killed(story):
    assert story.exitcode == -signal.SIGKILL
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in story.last if psutil.pid_exists(pid)], 10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
