"""Share a run on the Hugging Face Hub: the files that are shared, and their upload as one commit.

Paths of this machine, the command line and the names of the user's own images stay here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from foveate.data.open import is_path
from foveate.errors import UserError
from foveate.files import escapes_folder
from foveate.models.hub import HubRun, asking, hub_api
from foveate.models.packed import LIST, is_kept, kept_files, listing
from foveate.online import without_password
from foveate.specs.run import RunSpec

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

CARD = "README.md"
"""The model card; one that lies in the run is taken as it is."""

_OWN = ("environment.json", "splits.json")
"""Files with the command line, or with the names of images."""

_ANY = (".gitattributes", CARD)
"""Files that a repository may hold before the first upload."""


@dataclass(frozen=True)
class Pushed:
    """An upload. url: the page of the repository. commit: what `hf://USER/NAME@COMMIT` takes. private: who
    can see it.
    """

    run: HubRun
    url: str
    commit: str
    private: bool


def shared_files(run: Path, verdict: str = "") -> dict[str, bytes]:
    """Return the contents of the files of a run that are shared, by name, without the card.

    They are those of a packed run, with the list of their hashes. verdict: as in `pack_run`.
    """
    files = kept_files(run, verdict)
    spec = RunSpec.from_yaml(files["spec.yaml"].decode(), str(run)) if "spec.yaml" in files else None
    own = spec is None or not is_public(spec.data.source)
    left_out = _OWN if own else _OWN[:1]
    files = {name: content for name, content in files.items() if name not in left_out}
    if spec is not None:
        files["spec.yaml"] = without_paths(spec).to_yaml().encode()
    for name in files:
        if name.startswith("scores"):
            files[name] = _without_path(files[name])
    return {LIST: listing(files), **files}


def is_public(source: str) -> bool:
    """Whether the data of this name are the same for everybody: drawn scenes, or a dataset of the Hub.

    >>> is_public("synthetic:search"), is_public("hf:ada/polyps"), is_public("/home/ada/photos")
    (True, True, False)
    """
    return not is_path(source) and "://" not in source


def public_name(source: str) -> str:
    """Return the name of data without the folders, the host and the password in its address.

    >>> public_name("/home/ada/photos"), public_name("s3://key@bucket/photos?a=1"), public_name("synthetic:8")
    ('photos', 'photos', 'synthetic:8')
    """
    if is_public(source):
        return source
    path = urlsplit(source).path if "://" in source else str(source)
    return PurePath(path.replace("\\", "/")).name or "data"


def without_paths(spec: RunSpec) -> RunSpec:
    """Return a spec that names data, weights and folders outside the data by their last part alone."""
    weights, data = spec.model.encoder_weights, spec.data
    weights = PurePath(weights).name if weights else weights
    data = replace(
        data,
        source=public_name(data.source),
        masks=data.masks and "+".join(map(_inner_name, data.masks.split("+"))),
        ignore_outside=data.ignore_outside and _inner_name(data.ignore_outside),
    )
    return replace(spec, data=data, model=replace(spec.model, encoder_weights=weights))


def _inner_name(folder: str) -> str:
    """Return the name of a folder within the data; of another, its last part.

    >>> _inner_name("masks/left"), _inner_name("/home/ada/masks"), _inner_name("../masks")
    ('masks/left', 'masks', 'masks')
    """
    outside = escapes_folder(folder) or PureWindowsPath(folder).is_absolute()
    return public_name(folder) if outside else folder


def push_files(
    run: HubRun, files: Mapping[str, bytes], private: bool, overwrite: bool, message: str
) -> Pushed:
    """Upload files as one commit, which the repository gets whole or not at all.

    private: who can see a repository that is made for it. overwrite: replace the run that it holds; earlier
    versions stay in its history. Raises `UserError` if the Hub does not answer or refuses, and for a
    repository of other files.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token

    if not get_token():
        raise UserError(
            f"{run}: pushing needs a token of the Hub; log in with `hf auth login`, or set HF_TOKEN"
        )
    api = hub_api()
    info = _existing(api, run)
    held = [file.rfilename for file in (info.siblings or ())] if info else []
    if info:
        _check_held(run, held, private and not info.private, overwrite)
    else:
        with asking(run):
            api.create_repo(run.repo, private=private or None)
    stale = [name for name in held if is_kept(name) and name not in files]
    operations = [
        *(CommitOperationAdd(name, content) for name, content in files.items()),
        *(CommitOperationDelete(name) for name in stale),
    ]
    try:
        with asking(run):
            made = api.create_commit(
                run.repo, operations, commit_message=message, parent_commit=info.sha if info else None
            )
    except UserError as error:
        rest = "nothing in it was changed" if info else "the repository was made and is empty"
        raise UserError(f"{error}; {rest}") from None
    return Pushed(
        run, f"{without_password(api.endpoint)}/{run.repo}", made.oid, bool(info.private if info else private)
    )


def _existing(api: "HfApi", run: HubRun) -> "ModelInfo | None":
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    with asking(run):
        try:
            return api.model_info(run.repo)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return None


def _check_held(run: HubRun, held: list[str], public: bool, overwrite: bool) -> None:
    """Raise `UserError` for a repository that must not be written to. public: where private was asked for."""
    others = [name for name in held if not is_kept(name) and name not in (LIST, *_ANY)]
    if LIST not in held and others:
        raise UserError(
            f"{run}: the repository holds no run of foveate but other files, such as {others[0]}; name "
            "another one"
        )
    if public:
        raise UserError(
            f"{run}: the repository is public; make it private on its page first, or leave --private out"
        )
    if LIST in held and not overwrite:
        raise UserError(
            f"{run}: holds a run already; add --overwrite to replace it (its history keeps the earlier one)"
        )


def _without_path(scores: bytes) -> bytes:
    content = json.loads(scores)
    named = {"data": public_name(content["data"])} if "data" in content else {}
    return json.dumps({**content, **named}, indent=2).encode()
