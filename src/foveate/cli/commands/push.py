"""`foveate push`: share a trained run on the Hugging Face Hub."""


def push(
    run: str,
    repo: str,
    *,
    private: bool = False,
    license: str | None = None,
    overwrite: bool = False,
) -> None:
    """Share a trained run on the Hugging Face Hub, with a model card written from it.

    predict, evaluate, export, serve and foveate.load take hf://USER/NAME in place of the run. Uploaded are
    the weights (safetensors), the spec, the scores and the verdict of a comparison; no images, no paths, and
    no names of your own images. It needs a token: `hf auth login`, or HF_TOKEN.

    Args:
        run: a finished run directory, or a packed run (.zip).
        repo: USER/NAME on the Hub; the repository is made if there is none.
        private: make it visible to you alone; otherwise everybody can see it.
        license: of the weights, as the Hub writes it, such as apache-2.0; it stands in the card.
        overwrite: replace the run that the repository holds; its history keeps the earlier one.

    Example:
      foveate push runs/a ada/polyps --license apache-2.0
    """
    from foveate.api.push import push as push_run

    done = push_run(run, repo, private, license, overwrite)
    print(f"{', '.join(done.names)}: {done.bytes / 1e6:.1f} MB")
    print("Private: visible to its owner alone." if done.pushed.private else "Public: everybody can see it.")
    if license is None:
        print("The card states no licence, so that others may do nothing with it; --license states one.")
    print(f"foveate.load('{done.pushed.run}@{done.pushed.commit}') gives this version.\n\n{done.pushed.url}")
