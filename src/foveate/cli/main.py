"""`foveate`: finds the command, reads its flags, runs it, and turns what goes wrong into one message."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from foveate.cli import typed
from foveate.errors import DataError, SeveralDatasets, UserError, choose

COMMANDS = {
    "compare": "train with and without attention, and say what each mechanism changes and costs",
    "fit": "train one arm on your images",
    "evaluate": "score a trained run",
    "predict": "masks (or labels) for new images from a trained run",
    "inspect": "pictures and numbers of what the attention of a run does",
    "doctor": "what is wrong with a dataset, what to do about it, and how to train on it",
    "data": "public datasets (list, info, get), and packing any of them into shards (pack)",
    "list": "the attentions, hosts, encoders, places and data sets there are",
}

_HELP = ("-h", "--help", "help")


def _choose_waiting() -> None:
    """How PyTorch's threads wait for one another, unless the user has said it.

    Endless spinning makes a training step up to six times longer where other programs want the cores too: two
    threads among three busy processes on two cores take 2.5 to 7 s, against 1.3 to 1.5 s of threads that
    sleep, and 1.7 to 2.7 s of threads that spin a little. On an idle machine sleeping makes a step 7% longer.
    Idle is what ran a quarter of the cores at most in the minute before, so a command that follows another at
    once counts as one among others.
    """
    if "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return
    try:
        idle = os.getloadavg()[0] < len(os.sched_getaffinity(0)) / 4
    except (AttributeError, OSError):  # not on Linux, or not to be known
        idle = False
    os.environ.update({"GOMP_SPINCOUNT": "10000"} if idle else {"OMP_WAIT_POLICY": "PASSIVE"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the return value is the exit code.

    0: done. 1: a fault of foveate or of the machine (or: `doctor` found something). 2: something the user can
    mend. 130: stopped by Ctrl-C.

    >>> main(["fit", "--epochs", "many", "photos"])
    2
    """
    _choose_waiting()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except UserError as error:
        return _fail(f"{error}{_examined(words, error)}", 2)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "nothing that was finished is lost", 130, "stopped")
    except BrokenPipeError:
        # The reader (head, less) has gone; the interpreter must not complain about it on exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 2)
    except Exception as error:
        said = str(error).strip().splitlines()
        return _fail(
            f"{type(error).__name__}: {said[0] if said else 'no message'}\n"
            "This is a fault of foveate, not yours; set FOVEATE_DEBUG=1 to see where it happened",
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
        raise UserError(f"'{argv[0]}' stands before a command; begin with one of {', '.join(COMMANDS)}")
    if len(argv) == 1 or argv[1] in _HELP:
        name = choose(argv[0], COMMANDS, "command")
        if commands := getattr(import_module(f"foveate.cli.commands.{name}"), "COMMANDS", None):
            program = f"foveate {name}"
            print(f"usage: {program} COMMAND ...\n\n{COMMANDS[name]}\n\n{_table(program, commands)}")
            return 0
    from foveate.cli.parser import call
    from foveate.cli.waiting import waits_told

    with waits_told():
        return call(*find_command(argv)) or 0


def find_command(words: Sequence[str]) -> tuple[Callable[..., int | None], str, list[str]]:
    """The function that words ask for, what it is called, and the words that are left: its flags.

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


def _examined(words: Sequence[str], error: UserError) -> str:
    """Where a file of the data is at fault in training, who finds all that are."""
    data = words[1] if len(words) > 1 and words[0] in ("fit", "compare") else ""
    of_files = isinstance(error, DataError) and not isinstance(error, SeveralDatasets)
    of_data = of_files and os.path.isdir(data)
    names_one = of_data and f"{data.rstrip('/')}/" in str(error)
    return f". `foveate doctor {data}` lists all such faults" if names_one else ""


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
