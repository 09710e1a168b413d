"""The program `foveate`: find the command, parse its flags, run it, and report an error in one message."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from foveate.cli import typed
from foveate.cli.console import print_anywhere
from foveate.errors import DataError, Undecided, UserError, choose

COMMANDS = {
    "compare": "train with and without attention; report what each mechanism changes and costs",
    "sweep": "train every combination of data, settings, arms, seeds and folds",
    "place": "search the places of a host for those where attention pays",
    "reproduce": "run a published work, with its tables beside the published ones",
    "results": "show the runs and verdicts of all sweeps and comparisons in a folder",
    "fit": "train one arm on your images",
    "evaluate": "score a trained run",
    "report": "draw the page of a run (curves, scores, examples, speed) or of a comparison",
    "predict": "predict masks (or labels) for new images with a trained run",
    "export": "export a trained run to ONNX, OpenVINO or PyTorch, checked against the run",
    "benchmark": "time a trained run in PyTorch, ONNX Runtime, OpenVINO and INT8",
    "serve": "answer predictions of a trained run over HTTP",
    "pack": "pack a trained run into one zip file",
    "push": "share a trained run on the Hugging Face Hub, with a model card",
    "inspect": "draw the attention of a trained run, and save it as numbers",
    "summary": "list the layers of a network: shapes, parameters, operations; draw them as a diagram",
    "doctor": "find problems in a dataset, and say how to fix them and how to train on it",
    "data": "public datasets (list, info, get); show images and augmentation (show); write shards (pack)",
    "list": "list the attentions, hosts, encoders, places and datasets",
}

_HELP = ("-h", "--help", "help")


def _set_wait_policy() -> None:
    """Set how PyTorch's OpenMP threads wait for one another, unless the user has set it.

    On a busy machine, threads that spin forever make a training step up to six times longer. Measured with
    two threads beside three busy processes on two cores: 2.5 to 7 s for endless spinning, 1.7 to 2.7 s for
    short spinning, 1.3 to 1.5 s for sleeping. On an idle machine, sleeping makes a step 7% longer.

    A machine is idle if its load in the last minute was at most a quarter of its cores. A command that
    directly follows another one therefore finds a busy machine.
    """
    if "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return
    try:
        idle = os.getloadavg()[0] < len(os.sched_getaffinity(0)) / 4
    except (AttributeError, OSError):  # not on Linux, or the load is unknown
        idle = False
    os.environ.update({"GOMP_SPINCOUNT": "10000"} if idle else {"OMP_WAIT_POLICY": "PASSIVE"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit code.

    0: success. 1: a bug or a failure of the machine (or `doctor` found problems, `predict` drift). 2: an
    error that the user can fix. 130: stopped by Ctrl-C.

    >>> main(["fit", "--epochs", "many", "photos"])
    2
    """
    _set_wait_policy()
    print_anywhere()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where HOME cannot be written to
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except UserError as error:
        return _fail(f"{error}{_doctor_hint(words, error)}", 2)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "finished work is kept", 130, "stopped")
    except BrokenPipeError:
        # The reader (head, less) has gone; the interpreter must not complain about it on exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 2)
    except Exception as error:
        lines = str(error).strip().splitlines()
        return _fail(
            f"{type(error).__name__}: {lines[0] if lines else 'no message'}\n"
            "This is a bug in foveate, not your mistake; set FOVEATE_DEBUG=1 to see the traceback",
            1,
        )


def _run(argv: list[str]) -> int:
    typed.set_words(argv)
    if not argv or argv[0] in _HELP:
        print(_overview())
        return 0
    if argv[0] in ("-V", "--version"):
        from foveate import __version__

        print(f"foveate {__version__}")
        return 0
    if argv[0].startswith("-"):
        raise UserError(f"'{argv[0]}' comes before the command; begin with one of {', '.join(COMMANDS)}")
    if len(argv) == 1 or argv[1] in _HELP:
        name = choose(argv[0], COMMANDS, "command")
        if commands := getattr(import_module(f"foveate.cli.commands.{name}"), "COMMANDS", None):
            program = f"foveate {name}"
            print(f"usage: {program} COMMAND ...\n\n{COMMANDS[name]}\n\n{_table(program, commands)}")
            return 0
    from foveate.cli.parser import call
    from foveate.cli.waiting import print_data_progress

    with print_data_progress():
        return call(*find_command(argv)) or 0


def find_command(words: Sequence[str]) -> tuple[Callable[..., int | None], str, list[str]]:
    """Return the function of a command, the command's full name, and the remaining words: its flags.

    >>> find_command(["data", "info", "camvid"])[1:]
    ('foveate data info', ['camvid'])
    """
    name, *rest = words
    module = import_module(f"foveate.cli.commands.{choose(name, COMMANDS, 'command')}")
    program = f"foveate {name}"
    if commands := getattr(module, "COMMANDS", None):
        name, *rest = rest
        program = f"{program} {choose(name, commands, f'command of {program}')}"
    return getattr(module, name if name != "list" else "list_"), program, rest


def _doctor_hint(words: Sequence[str], error: UserError) -> str:
    """Point to `foveate doctor` after a data error that names a file of the training data."""
    data = words[1] if len(words) > 1 and words[0] in ("fit", "compare", "place") else ""
    is_data_error = isinstance(error, DataError) and not isinstance(error, Undecided)
    names_file = is_data_error and os.path.isdir(data) and f"{data.rstrip('/')}/" in str(error)
    return f". `foveate doctor {data}` lists all such problems" if names_file else ""


def _fail(message: str, code: int, kind: str = "error") -> int:
    if os.environ.get("FOVEATE_DEBUG") == "1":
        traceback.print_exc()
    sys.stdout.flush()
    print(f"foveate: {kind}: {message}", file=sys.stderr)
    return code


def _overview() -> str:
    return (
        "usage: foveate COMMAND ...\n\n"
        "Does attention help on your images?\n\n"
        f"{_table('foveate', COMMANDS)}\n"
        "  foveate --version        the version\n\n"
        "example:\n  foveate compare photos/ --out runs/photos"
    )


def _table(program: str, commands: Mapping[str, str]) -> str:
    width = max(map(len, commands))
    rows = "\n".join(f"  {name:<{width}}  {what}" for name, what in commands.items())
    return f"commands:\n{rows}\n\n  {program} COMMAND --help   the flags of one command, with an example"
