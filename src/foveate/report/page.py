"""Draw the report of a comparison from the files in its directory."""

from pathlib import Path
from typing import Any

from foveate.durations import duration
from foveate.experiments.gallery import Exhibit, Panel, load_gallery
from foveate.experiments.result import Comparison, load_comparison, load_control
from foveate.files import write_whole
from foveate.report import curves, forest, notes, pictures, sentences, tables, view, words
from foveate.report.html import render_template


def write_report(folder: Path | str) -> Path:
    """Write `report.html` into the directory of a finished comparison and return its path.

    Reads only `comparison.json`, `curves.csv`, `openings.csv` and `gallery.npz` there, and a control beside
    them: no run, no data, no network. Raises `UserError` if the directory holds no finished comparison.
    """
    folder = Path(folder)
    text = render(load_comparison(folder), load_gallery(folder), load_control(folder))
    path = folder / "report.html"
    with write_whole(path, "w") as file:
        file.write(text)
    return path


def render(
    comparison: Comparison, exhibits: tuple[Exhibit, ...] = (), control: Comparison | None = None
) -> str:
    """Return the page as a string of HTML. Names of classes and images, which users choose, are escaped.

    control: the control beside the comparison, if there is one.
    """
    return render_template("comparison.html", **_context(comparison, exhibits, control))


def _context(
    comparison: Comparison, exhibits: tuple[Exhibit, ...], control: Comparison | None
) -> dict[str, Any]:
    views = view.arm_views(comparison)
    score, height, width = words.score_name(comparison.score), *comparison.size
    return {
        "question": f"Does attention help on {comparison.dataset}?",
        "answer": sentences.headline(comparison),
        "warnings": sentences.warnings(comparison),
        "facts": [
            ("Host", comparison.host),
            ("Runs", f"{len(comparison.contenders)} arms × {words.seed_count(comparison)}"),
            ("Training", f"{words.counted(comparison.epochs, 'epoch')} at {height}×{width}"),
            ("Tested on", words.test_images(comparison)),
            ("Judged by", score),
            ("Margin", f"±{words.margin(comparison)}"),
            ("Detectable difference", _detectable(comparison)),
        ],
        "arms": list(views.values()),
        "placebos": bool(comparison.placebos),
        "score": score,
        "class_score": words.score_name(comparison.class_score),
        "reference": words.reference(comparison),
        "base_name": "Host" if comparison.baseline.role == "host" else comparison.baseline.label,
        "seeds": words.seed_count(comparison),
        "test_images": words.test_images(comparison),
        "margin": words.margin(comparison),
        "pixels": f"{height}×{width} pixels (height × width)",
        "contrasts": view.contrast_views(comparison, views),
        "forest": forest.forest(comparison, views),
        "by_class": forest.by_class(comparison, views),
        "by_measure": tables.by_measure(comparison),
        "by_error": tables.by_error(comparison),
        "curves": curves.curves(comparison, views),
        "openings": curves.opening_curves(comparison, views),
        "many": view.has_many_arms(comparison),
        "groups": view.group_legend(comparison),
        "grey": view.grey_name(comparison),
        "gallery": [_exhibit(comparison, exhibit, views) for exhibit in _with_changes(exhibits)],
        **_gallery_words(comparison, exhibits),
        **_legends(comparison),
        "meanings": _meanings(comparison),
        "notes": [*([sentences.control_sentence(control)] if control else []), *notes.notes(comparison)],
        "command": comparison.command,
        "environment": comparison.environment,
        "made": _provenance(comparison),
    }


def _meanings(comparison: Comparison) -> list[dict[str, str]]:
    return [
        {
            "verdict": verdict,
            "mark": words.MARKS[verdict],
            "tone": view.TONES.get(verdict, "open"),
            "text": text,
        }
        for verdict, text in notes.meanings(comparison).items()
    ]


def _detectable(comparison: Comparison) -> str:
    smallest = notes.detectable(comparison)
    if smallest is None or smallest >= 1:
        return "unknown" if smallest is None else "none"
    return f"about {100 * smallest:.1f} points"


def _with_changes(exhibits: tuple[Exhibit, ...]) -> tuple[Exhibit, ...]:
    """Return the images on which an arm's score differs from the host's; all of them if there are none."""
    return tuple(exhibit for exhibit in exhibits if abs(exhibit.change) > 1e-9) or exhibits


def _gallery_words(comparison: Comparison, exhibits: tuple[Exhibit, ...]) -> dict[str, str]:
    averaged = f", of seed {comparison.seeds[0]}" if comparison.folds else ", averaged over the seeds"
    text = (
        f"These test images have the largest differences in {words.image_score(comparison)} between an arm"
        f" and the bare host, gains and losses{averaged}. They are extremes, not typical images. The pictures"
        f" are from the runs of seed {comparison.seeds[0]}."
    )
    title = "Where the arms differ most"
    if not any(abs(exhibit.change) > 1e-9 for exhibit in exhibits):
        title = "Some test images"
        text = (
            f"On every test image, every arm has the host's score{averaged}. The pictures show the first"
            f" images and the runs of seed {comparison.seeds[0]}."
        )
    if comparison.task == "segmentation":
        text += " In an error map, blue pixels are wrong for the host and right for the arm."
    if view.has_many_arms(comparison):
        text += f" Each image shows the host and the {view.PANELS} arms that differ most from it there."
    text += " Attention maps are scaled from their smallest to their largest weight."
    return {"gallery_title": title, "gallery_lead": text}


def _legends(comparison: Comparison) -> dict[str, Any]:
    if comparison.task != "segmentation":
        return {"legend_classes": [], "legend_errors": []}
    meanings = {
        "right": "right",
        "wrong": "wrong",
        "fixed": "wrong for the host, right for the arm",
        "ignored": "ignored",
    }
    named = zip(comparison.classes, comparison.colors, strict=True)
    return {
        "legend_classes": [{"name": name, "color": view.css_color(color)} for name, color in named],
        "legend_errors": [
            {"name": meanings[key], "color": view.css_color(color)}
            for key, color in pictures.ERROR_COLORS.items()
        ],
    }


def _exhibit(comparison: Comparison, exhibit: Exhibit, views: dict[str, Any]) -> dict[str, Any]:
    change = f"{words.points(exhibit.change)} points of this image's {words.image_score(comparison)}"
    if comparison.task == "classification":
        change = words.seeds_right(round(exhibit.change * _shared_seeds(comparison, exhibit.arm)))
    panels = _panels_shown(comparison, exhibit)
    note = f"{views[exhibit.arm]['name']}: {change}"
    return {
        "stem": exhibit.stem,
        "note": note,
        "image": pictures.photo(exhibit.image),
        "truth": None if exhibit.truth is None else pictures.classes(exhibit.truth, comparison.colors),
        "label": None if exhibit.label is None else comparison.classes[exhibit.label],
        "panels": [_panel(comparison, exhibit, panel, views[panel.arm]) for panel in panels],
    }


def _shared_seeds(comparison: Comparison, arm: str) -> int:
    """Return the number of seeds that an image's change is about: those of both the arm and the bare host.

    With folds, it is one.
    """
    if comparison.folds:
        return 1
    seeds = (set(item.seeds) for item in comparison.contenders if item.arm == arm or item.role == "host")
    return len(set.intersection(*seeds))


def _panels_shown(comparison: Comparison, exhibit: Exhibit) -> tuple[Panel, ...]:
    """Return the panels of the host and of all arms; of many arms, those that differ most from the host."""
    host, *others = exhibit.panels
    if not view.has_many_arms(comparison):
        return exhibit.panels
    ranked = sorted(others, key=lambda panel: (panel.arm != exhibit.arm, -abs(panel.score - host.score)))
    chosen = [panel.arm for panel in ranked[: view.PANELS]]
    return (host, *(panel for panel in others if panel.arm in chosen))


def _panel(comparison: Comparison, exhibit: Exhibit, panel: Panel, arm: dict[str, Any]) -> dict[str, Any]:
    drawn = []
    subject = f"{arm['name']} on {exhibit.stem}"
    if panel.prediction is not None:
        host = None if panel is exhibit.panels[0] else exhibit.panels[0].prediction
        score = f"{words.image_score(comparison)} {words.percent(panel.score)}%"
        drawn.append((pictures.classes(panel.prediction, comparison.colors), f"Prediction, {score}", True))
        drawn.append((pictures.errors(panel.prediction, exhibit.truth, host), "Errors", True))
    if panel.attention is not None:
        weights = (
            pictures.attention(exhibit.image, panel.attention)
            if panel.spatial
            else pictures.heat(panel.attention)
        )
        drawn.append((weights, f"Attention: {panel.attends}", True))
    text = ""
    if panel.label is not None:
        right = "right" if panel.label == exhibit.label else "wrong"
        text = f"{comparison.classes[panel.label]}, {words.percent(panel.score)}% sure: {right}"
    return {
        "arm": arm,
        "text": text,
        "pictures": [
            {"source": source, "caption": caption, "crisp": crisp, "alt": f"{caption}: {subject}"}
            for source, caption, crisp in drawn
        ],
    }


def _provenance(comparison: Comparison) -> list[tuple[str, str]]:
    rows = [
        ("Data", comparison.description),
        ("Seeds", ", ".join(map(str, comparison.seeds))),
        ("Finished", comparison.finished),
        ("Time", duration(comparison.seconds)),
    ]
    return rows + list(comparison.environment.items())
