"""Runs on the Hugging Face Hub: their addresses, and their download into the Hub's cache.

A run on the Hub is the files of a packed run, with the list of their hashes. Only files that the list names
are downloaded; each is compared with its hash, and their sizes are limited before anything is fetched. The
hashes show damage and half an upload. They are no signature: whoever may write to the repository can write
the list.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.errors import UserError
from foveate.files import make_cache
from foveate.models.packed import LARGEST, LIST, is_as_listed, read_listing
from foveate.online import unreachable_reason, without_password
from foveate.waiting import report_progress

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LARGEST_LIST = 10**6
"""Limit of the bytes of a list."""

_NAME = r"[A-Za-z0-9](?:[\w.-]*\w)?"
_ADDRESS = re.compile(rf"(?:hf:/{{1,2}})?(?:models/)?({_NAME}/{_NAME})(?:@([\w./-]+))?/?", re.ASCII)


@dataclass(frozen=True)
class HubRun:
    """A run on the Hub. repo: USER/NAME. revision: a branch, a tag or a commit; None for the newest.

    >>> str(HubRun("ada/polyps", "v1"))
    'hf://ada/polyps@v1'
    """

    repo: str
    revision: str | None = None

    @property
    def name(self) -> str:
        return self.repo.rpartition("/")[2]

    def __str__(self) -> str:
        return f"hf://{self.repo}" + (f"@{self.revision}" if self.revision else "")


def is_address(run: str | Path) -> bool:
    """Whether a text is meant as an address on the Hub. A `Path` of it has lost one of its slashes.

    >>> is_address("hf://ada/polyps"), is_address(Path("hf://ada/polyps")), is_address("runs/a")
    (True, True, False)
    """
    return str(run).startswith("hf:")


def parse_address(text: str | Path) -> HubRun:
    """Return the run that hf://USER/NAME, hf://USER/NAME@REVISION or USER/NAME names.

    >>> parse_address("hf://ada/polyps@v1")
    HubRun(repo='ada/polyps', revision='v1')
    >>> parse_address("hf://datasets/ada/polyps")
    Traceback (most recent call last):
    foveate.errors.UserError: hf://datasets/ada/polyps: names no run on the Hugging Face Hub; write hf://USER/NAME,
    or hf://USER/NAME@REVISION
    """
    match = _ADDRESS.fullmatch(str(text))
    if match is None or any(mark in match[1] for mark in ("..", "--")) or ".." in (match[2] or ""):
        raise UserError(
            f"{text}: names no run on the Hugging Face Hub; write hf://USER/NAME, or hf://USER/NAME@REVISION"
        )
    return HubRun(match[1], match[2])


def located(run: str | Path) -> Path:
    """Return the path of a run on this machine; a run on the Hub (hf://USER/NAME) is downloaded first.

    Raises `UserError` for an address that names no run, and as `fetch` does.
    """
    return fetch(parse_address(run)) if is_address(run) else Path(run)


def fetch(run: HubRun, token: str | None = None) -> Path:
    """Return the folder of a run in the Hub's cache; files that are missing there are downloaded.

    token: by default that of HF_TOKEN or of `hf auth login`. With HF_HUB_OFFLINE=1, the cache alone is read.
    Raises `UserError` if the Hub does not answer or refuses, if there is no such run, if a file is too large,
    missing, or another than the list says, and for a token that cannot be one.
    """
    from huggingface_hub import constants

    offline, token = constants.HF_HUB_OFFLINE, _checked(token)
    sizes = None if offline else _sizes(run, token)
    listing = _download(run, LIST, run.revision or "main", token)
    names = read_listing(listing, str(run))
    commit = listing.parent.name
    if sizes is not None:
        _check_sizes(run, {name: sizes.get(name) for name in names})
    for number, name in enumerate(sorted(names), 1):
        report_progress(number - 1, len(names), f"Downloading {run}: {name}")
        path = _download(run, name, commit, token)
        if not is_as_listed(path, names[name]):
            raise UserError(
                f"{run}: '{name}' is not the file that its list names, damaged or changed; remove "
                f"{listing.parents[2]} and load it again, or ask whoever shared it to push it again"
            )
    return listing.parent


def hub_api(token: str | None = None) -> "HfApi":
    """Return the client of the Hub that HF_ENDPOINT names. Raise `UserError` if it does not answer."""
    from huggingface_hub import HfApi, constants

    endpoint = constants.ENDPOINT
    reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable_reason(endpoint)
    if reason:
        raise UserError(
            f"the Hugging Face Hub ({without_password(endpoint)}) is out of reach: {reason}; try again later"
        )
    return HfApi(endpoint, token)


@contextmanager
def asking(run: HubRun) -> Iterator[None]:
    """Inside the block the Hub's library is called; what it raises becomes a `UserError` of one sentence."""
    from huggingface_hub import constants, errors, utils

    shown = not utils.are_progress_bars_disabled()
    utils.disable_progress_bars()  # progress goes through `waiting`; a server's standard error is its log
    try:
        yield
    except UserError:
        raise
    except errors.GatedRepoError:
        raise UserError(
            f"{run}: its owner gives access on request; ask for it on the page of the run"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(
            f"{run}: there is no such branch, tag or commit; leave it out for the newest"
        ) from None
    except errors.HfHubHTTPError as error:
        raise UserError(f"{run}: {_refusal(error.response.status_code)}") from None
    except (
        Exception
    ) as error:  # the kinds of its HTTP library, of the disk, and of answers that it cannot read
        first, _, _ = str(error).strip().partition("\n")
        first = first.replace(constants.ENDPOINT, without_password(constants.ENDPOINT))
        raise UserError(f"{run}: the transfer failed ({first or type(error).__name__}); try again") from None
    finally:
        if shown:
            utils.enable_progress_bars()


def _checked(token: str | None) -> str | None:
    """Return a token without blanks around it; None for none.

    Raises `UserError`, which does not show it, for one that no request can carry: the HTTP library would.
    """
    token = (token or "").strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise UserError("the token of the Hub holds blanks or signs that no token has; copy it again")
    return token or None


def _refusal(status: int) -> str:
    login = "log in with `hf auth login`, or set HF_TOKEN"
    match status:
        case 401:
            return (
                f"the Hub does not let you in: it does not exist, is private, or the token is wrong; {login}"
            )
        case 403:
            return f"the Hub forbids it: your token may not do that with this repository; {login} to another"
        case 404:
            return "there is no such repository on the Hub, or it is private; look at the name"
        case 429:
            return "the Hub has been asked too often from here (429); try again in some minutes"
        case 409 | 412:
            return "the repository was changed by somebody else meanwhile; try again"
        case _:
            return f"the Hub failed ({status}); try again later"


def _sizes(run: HubRun, token: str | None) -> dict[str, int | None]:
    """Return the size of each file of a repository. Raise `UserError` if it holds no run."""
    api = hub_api(token)
    with asking(run):
        info = api.model_info(run.repo, revision=run.revision, files_metadata=True)
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    if LIST not in sizes:
        held = f"; it holds {', '.join(sorted(sizes)[:3])}" if sizes else ", it is empty"
        raise UserError(f"{run}: holds no run of foveate{held}; `foveate push` shares one")
    if not 0 < (sizes[LIST] or 0) <= LARGEST_LIST:
        raise UserError(f"{run}: its {LIST} has {sizes[LIST]} bytes, which is no list of files")
    return sizes


def _check_sizes(run: HubRun, sizes: dict[str, int | None]) -> None:
    for name, size in sizes.items():
        if size is None:
            raise UserError(
                f"{run}: '{name}' is missing, the upload was perhaps broken off; ask whoever shared it to "
                "push it again"
            )
    total = sum(size or 0 for size in sizes.values())
    if total > LARGEST:
        raise UserError(
            f"{run}: has {total / 1e9:.1f} GB, and a run has at most {LARGEST / 1e9:.0f} GB; it is not "
            "downloaded"
        )


def _download(run: HubRun, name: str, revision: str, token: str | None) -> Path:
    from huggingface_hub import constants, hf_hub_download

    make_cache(Path(constants.HF_HUB_CACHE), "HF_HOME")
    try:
        with asking(run):
            path = hf_hub_download(
                run.repo,
                name,
                revision=revision,
                token=token,
                endpoint=constants.ENDPOINT,
                local_files_only=constants.HF_HUB_OFFLINE,
            )
    except UserError:
        if constants.HF_HUB_OFFLINE:
            raise UserError(
                f"{run}: is not in the cache of this machine ({constants.HF_HUB_CACHE}), and HF_HUB_OFFLINE "
                "is set; unset it to download the run"
            ) from None
        raise
    return Path(path)
