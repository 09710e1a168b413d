"""The model card of a run for the Hugging Face Hub, as Markdown: its data, its scores and its limits."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from foveate.data.info import DatasetInfo
from foveate.data.layout import layout_readers
from foveate.data.readers.huggingface import PREFIX
from foveate.data.tiles import image_of_tile
from foveate.errors import UserError
from foveate.evaluation.evaluate import read_per_image, read_scores
from foveate.evaluation.judges import score_words
from foveate.evaluation.scores import Scores
from foveate.export.hub import public_name
from foveate.models.host import Host
from foveate.prediction.facts import Facts, facts_of
from foveate.report.words import counted, listed, percent
from foveate.training.run_directory import Run
from foveate.verdicts.one_run import ScoreInterval, score_intervals

WEAK = 0.5
"""Classes with an IoU (of labels: a recall) below this are named under the limits."""


def model_card(run: Path, model: Host, name: str, licence: str | None = None, verdict: str = "") -> str:
    """Return the card of a run in a folder.

    model: the run's. name: under which it is loaded, such as hf://ada/polyps. licence: of the weights, as the
    Hub writes it. verdict: what a comparison says about the run's arm.
    """
    card = _Card(run, model, name, licence, verdict)
    return "\n".join([card.header(), *card.lines()]) + "\n"


class _Card:
    def __init__(self, run: Path, model: Host, name: str, licence: str | None, verdict: str):
        self.run, self.model, self.name, self.licence, self.verdict = Run(run), model, name, licence, verdict
        self.facts: Facts = facts_of(model)
        self.title = name.removeprefix("hf://").partition("@")[0].rpartition("/")[2]
        self.spec = self.run.spec if self.run.spec_file.is_file() else None
        self.source = public_name(self.spec.data.source) if self.spec else ""
        self.scores, self.intervals = _scores(run, self.facts.task, self.tiled)

    @property
    def tiled(self) -> bool:
        """Whether the run saw tiles of images."""
        return self.spec is not None and self.spec.data.tiles is not None

    @property
    def segments(self) -> bool:
        return self.facts.task == "segmentation"

    @property
    def score(self) -> str:
        return score_words("miou" if self.segments else "accuracy")

    def header(self) -> str:
        """Return the metadata that the Hub reads, as YAML between dashes."""
        from huggingface_hub import EvalResult, ModelCardData

        task = "image-segmentation" if self.segments else "image-classification"
        arms = (
            []
            if self.facts.arm == "none"
            else sorted({a.partition("@")[0] for a in self.facts.arm.split("+")})
        )
        known = {"eval_results": None}
        if self.scores:
            kind, value = (
                ("mean_iou", self.scores.miou) if self.segments else ("accuracy", self.scores.accuracy)
            )
            data = self.source or "test images"
            known["eval_results"] = [
                EvalResult(
                    task_type=task, dataset_type=data, dataset_name=data, metric_type=kind,
                    metric_value=round(value, 4), metric_name=self.score,
                )
            ]  # fmt: skip
        data = ModelCardData(
            library_name="foveate",
            pipeline_tag=task,
            license=self.licence,
            datasets=[self.source.removeprefix(PREFIX)] if self.source.startswith(PREFIX) else None,
            tags=list(dict.fromkeys(["foveate", "safetensors", self.facts.arch, *arms])),
            model_name=self.title,
            **known,
        )
        return f"---\n{data.to_yaml()}\n---"

    def lines(self) -> Iterable[str]:
        """Return the lines of the text."""
        yield from ("", f"# {self.title}", "", *self._about())
        for title, section in (
            ("How to load it", self._loading()),
            ("Data", self._data()),
            ("Scores", self._scores()),
            ("Verdict", self._verdict()),
            ("Limits", [f"- {limit}" for limit in self._limits()]),
            ("Intended use", self._use()),
            ("Licence", self._licence()),
        ):
            yield from ("", f"## {title}", "", *section)

    def _about(self) -> list[str]:
        classes = listed([f"`{name}`" for name in self.facts.classes])
        does = "Gives each pixel of an image" if self.segments else "Gives an image"
        weights = sum(parameter.numel() for parameter in self.model.parameters())
        encoder = (
            f" with the encoder `{self.facts.encoder}`" if self.facts.encoder not in ("", "none") else ""
        )
        arm = "without attention" if self.facts.arm == "none" else f"with the attention `{self.facts.arm}`"
        trained = ""
        if self.spec:
            epochs = counted(self.spec.training.epochs, "epoch")
            trained = f" It was trained for {epochs} with seed {self.spec.seed}."
        return [
            f"{does} one of {len(self.facts.classes)} classes: {classes}.",
            "",
            f"The network is `{self.facts.arch}`{encoder}, {arm}: {weights / 1e6:.1f} million parameters."
            f"{trained} Made with foveate {self.facts.version}.",
        ]

    def _loading(self) -> list[str]:
        result = "mask" if self.segments else "label"
        return [
            "```python",
            "import foveate",
            "",
            f'prediction = foveate.load("{self.name}").predict("image.jpg")',
            f"prediction.{result}",
            "```",
            "",
            "```bash",
            f"foveate predict {self.name} photos/ --out predictions",
            "```",
            "",
            "The weights are safetensors; nothing here is a pickle, and no code is loaded.",
        ]

    def _data(self) -> list[str]:
        info = self._published()
        lines = [
            f"- source: {info.title} ({info.home})" if info else f"- source: {self.source or 'not recorded'}"
        ]
        if info and info.citation:
            lines.append(f"- cite: {info.citation}")
        if self.run.splits_file.is_file():
            splits = self.run.splits
            same = splits["val"] == splits["test"]
            parts = [
                f"{len(splits['train'])} to train",
                f"{len(splits['val'])} to validate" + " and test" * same,
            ]
            lines.append(
                f"- images: {', '.join([*parts, *([] if same else [str(len(splits['test'])) + ' to test'])])}"
            )
        size = self.facts.size
        lines.append(
            f"- size: {f'resized to {size[0]} x {size[1]} (height x width)' if size else 'their own'}"
        )
        bands = self.facts.bands
        lines.append(f"- channels: {'RGB' if bands is None else f'{bands.bands.of} bands'}")
        return lines

    def _published(self) -> DatasetInfo | None:
        folder = Path(self.spec.data.source) if self.spec else None
        if folder is None or not folder.is_dir():
            return None
        with suppress(OSError):
            return next((one.info for one in layout_readers() if one.info and one.recognise(folder)), None)
        return None

    def _scores(self) -> list[str]:
        if self.scores is None:
            return ["Not scored on test images yet."]
        column = "IoU" if self.segments else "recall"
        main = self.scores.miou if self.segments else self.scores.accuracy
        whole, classes = self.intervals or (None, [None] * len(self.scores.classes))
        rows = [
            (f"**{self.score}**", "", main, whole),
            *(
                (one.name, f"{percent(one.share)}%", one.iou if self.segments else one.recall, found)
                for one, found in zip(self.scores.classes, classes, strict=True)
            ),
        ]
        independent = "the images that tiles are cut from" if self.tiled else "images"
        lines = [
            f"On {counted(self.scores.images, 'image')}, in percent. The 95% intervals say how far the "
            f"scores would move on other images of the same kind, with {independent} counted as independent; "
            "they do not cover another training.",
            "",
            f"| class | share | {column} | 95% interval |",
            "| --- | --- | --- | --- |",
            *(
                f"| {_cell(name)} | {share} | {percent(value)} | {_ends(found)} |"
                for name, share, value, found in rows
            ),
        ]
        if self.scores.calibration is not None:
            lines += ["", f"Expected calibration error: {percent(self.scores.calibration.error)} percent."]
        return lines

    def _verdict(self) -> list[str]:
        if self.verdict:
            return [f"A comparison with several seeds says: {self.verdict}."]
        if self.facts.arm == "none":
            return ["The network has no attention, so there is nothing to compare."]
        return ["No comparison stands behind this run: whether its attention helps has not been shown."]

    def _limits(self) -> Iterable[str]:
        yield "It was tested on images like those in training. Other cameras, places or stains may differ."
        if self.scores is not None:
            values = [(one.name, one.iou if self.segments else one.recall) for one in self.scores.classes]
            weak = [f"`{name}`" for name, value in values if value < WEAK]
            unseen = [f"`{name}`" for name, value in values if value != value]
            if weak:
                score = "IoU" if self.segments else "recall"
                yield f"The {score} of {listed(weak)} is below {percent(WEAK)} percent."
            if unseen:
                yield f"No test image shows {listed(unseen)}: how good it is there is not known."
        if self.run.splits_file.is_file() and self.run.splits["val"] == self.run.splits["test"]:
            yield "The best epoch was chosen on the images of the scores: expect lower ones on new images."
        if self.facts.size:
            yield "Images are resized to one size: what is a few pixels large after that can be lost."
        yield "`foveate predict --check-drift` says whether images differ from those of its validation."

    def _use(self) -> list[str]:
        found = "outline" if self.segments else "tell apart"
        return [
            f"To {found} the classes above in images like the training images, where a person looks at "
            "results that matter. It has not been examined for medical, legal or safety decisions.",
        ]

    def _licence(self) -> list[str]:
        info = self._published()
        words = (
            f"The weights: {self.licence}."
            if self.licence
            else ("None was stated for the weights: ask whoever shared them before you use them.")
        )
        return [words, *(["", f"The training data: {info.licence}"] if info else [])]


def _scores(
    run: Path, task: str, tiled: bool
) -> tuple[Scores | None, tuple[ScoreInterval, Sequence[ScoreInterval]] | None]:
    """Return the scores on the test images, and their intervals where the counts of each image are there."""
    try:
        scores = read_scores(run)
    except (UserError, KeyError, TypeError, json.JSONDecodeError):
        return None, None
    try:
        stems, confusions, _ = read_per_image(run)
    except UserError:
        return scores, None
    return scores, score_intervals(
        confusions, task, [image_of_tile(stem) for stem in stems] if tiled else None
    )


def _ends(found: ScoreInterval | None) -> str:
    return (
        "–" if found is None or found.low != found.low else f"{percent(found.low)} to {percent(found.high)}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
