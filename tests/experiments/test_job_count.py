import pytest
import torch

from foveate.api.settings import check_jobs
from foveate.cli.main import main
from foveate.errors import UserError
from foveate.experiments.job_count import choose_jobs
from foveate.experiments.plan import Forecast


@pytest.fixture
def threads(monkeypatch):
    """Let PyTorch have a number of threads, without starting them."""
    return lambda number: monkeypatch.setattr(torch, "get_num_threads", lambda: number)


def unknown() -> float:
    raise AssertionError("the duration does not matter here")


def test_the_number_of_the_user_is_taken_up_to_the_number_of_runs(threads):
    threads(1)
    assert [choose_jobs(jobs, 6, "cpu", unknown) for jobs in (1, 4, 9)] == [1, 4, 6]
    assert choose_jobs(4, 0, "cpu", unknown) == 1


def test_with_one_thread_or_one_run_nothing_is_timed(threads):
    threads(1)
    assert choose_jobs(None, 6, "cpu", unknown) == 1
    threads(8)
    assert choose_jobs(None, 1, "cpu", unknown) == 1


def test_several_are_chosen_where_they_end_sooner_and_memory_suffices(threads, monkeypatch):
    threads(2)
    assert choose_jobs(None, 6, "cpu", lambda: 30.0) == 1
    assert choose_jobs(None, 6, "cpu", lambda: 3600.0) == 2
    monkeypatch.setattr("foveate.experiments.job_count.free_memory", lambda: 1000)
    assert choose_jobs(None, 6, "cpu", lambda: 3600.0) == 1


def test_the_forecast_is_shorter_for_several_at_once(threads):
    threads(4)
    alone = Forecast(1000, 8, 0, 20, 60, "all fit", 0.04, in_steps=800)
    assert alone.at_once(1) == alone
    several = alone.at_once(4)
    assert 200 < several.seconds < 1000
    assert several.describe().startswith("8 runs of 20 epochs, 4 at once: about")


@pytest.mark.parametrize("jobs", [0, -1, "many", "2.5", True])
def test_a_number_of_jobs_that_is_none_is_refused(jobs):
    with pytest.raises(UserError, match=r"jobs: .* is no number of runs to train at once; give auto"):
        check_jobs(jobs)


def test_the_command_refuses_it_before_it_opens_the_data(capsys):
    assert main(["compare", "no/such/folder", "--jobs", "0"]) == 2
    assert "--jobs: '0' is no number of runs" in capsys.readouterr().err
