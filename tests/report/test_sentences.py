"""What the page and the terminal say about each verdict, and what they advise."""

from dataclasses import replace

import pytest

from foveate.experiments.result import OpeningPoint
from foveate.report.notes import meanings, notes
from foveate.report.openings import opening_sentence, widest
from foveate.report.page import render
from foveate.report.sentences import headline, summary_lines, verdict_sentences, warnings
from foveate.report.view import VERDICTS
from foveate.report.words import MARKS
from foveate.verdicts.verdict import decide

CBAM, SMOOTH = "cbam@decoder", "smooth@encoder5(threshold=0.4)"


def judged(comparison, verdict, low=0.0, high=0.0, arm=CBAM, p_holm=0.2, **variances):
    """The comparison with another verdict, and another difference, of an arm."""
    result = comparison.result(arm)
    change = replace(result.difference, mean=(low + high) / 2, low=low, high=high, **variances)
    changed = replace(result, verdict=verdict, difference=change, p_holm=p_holm)
    arms = tuple(changed if found.arm == arm else found for found in comparison.findings.arms)
    return replace(comparison, findings=replace(comparison.findings, arms=arms))


def stopped(comparison, why, arm=CBAM):
    contenders = tuple(replace(c, stopped=why) if c.arm == arm else c for c in comparison.contenders)
    return replace(comparison, until_decided=True, contenders=contenders)


def said(comparison, arm=CBAM):
    return " ".join(verdict_sentences(comparison, next(c for c in comparison.arms if c.arm == arm)))


def test_a_gain_is_compared_with_the_margin(comparison):
    large = said(judged(comparison, "helps", 0.015, 0.035, p_holm=0.01))
    assert "Raises mean IoU by 2.50 points (95% interval +1.50 to +3.50, p = 0.010)." in large
    assert "and the gain is above the margin of 1 point." in large
    assert "but the gain may be below the margin of 1 point." in said(
        judged(comparison, "helps", 0.005, 0.035)
    )
    assert "but the loss may be below the margin" in said(judged(comparison, "hurts", -0.035, -0.005))


def test_no_difference_says_leave_it_out_and_what_is_real_but_small(comparison):
    text = said(judged(comparison, "no difference", -0.004, 0.006))
    assert "Changes mean IoU by +0.10 points" in text
    assert "within the margin of 1 point, you can leave it out." in text
    assert "is real" not in text
    small = said(judged(comparison, "no difference", 0.002, 0.006, p_holm=0.01))
    assert "The small gain is real (p = 0.010), but below the margin." in small
    loss = said(judged(comparison, "no difference", -0.006, -0.002, p_holm=0.01))
    assert "The small loss is real" in loss
    assert "is real" not in said(judged(comparison, "no difference", 0.002, 0.006, p_holm=0.06))


def test_not_shown_names_what_limits_it(comparison):
    by_images = judged(comparison, "not shown", -0.02, 0.03, seed_variance=1e-6, image_variance=1e-4)
    assert (
        "Most of the uncertainty comes from the 40 test images: more of them would help, more seeds hardly."
        in said(by_images)
    )
    by_seeds = judged(comparison, "not shown", -0.02, 0.03, seed_variance=1e-4, image_variance=1e-6)
    assert "comes from the seeds: more of them would help (--until-decided adds them)." in said(by_seeds)
    assert "from the seeds, each with its own test images: more" in said(replace(by_seeds, folds=5))
    assert "in one of so many arms, chance" in said(judged(comparison, "not shown", 0.001, 0.03))


def test_an_arm_that_more_seeds_cannot_decide_needs_images(comparison):
    by_images = judged(comparison, "not shown", -0.02, 0.03, seed_variance=1e-6, image_variance=1e-4)
    assert (
        "As many more seeds as were allowed (--max-seeds, --budget) would not decide it: most of the"
        " uncertainty comes from the 40"
        " test images, and more of them are needed." in said(stopped(by_images, "undecidable"))
    )
    by_seeds = judged(comparison, "not shown", -0.02, 0.03, seed_variance=1e-4, image_variance=1e-6)
    assert "it takes even more of them" in said(stopped(by_seeds, "undecidable"))
    assert "The seeds or the budget ended before it was decided" in said(stopped(by_seeds, ""))


def test_not_tested_says_how_far_a_gate_could_move_and_what_to_change(comparison):
    short = replace(judged(comparison, "not tested", -0.01, 0.02), travel=0.06)
    assert "in so short a run a gate can move by 0.06 at most." in said(short)
    assert "Train for more epochs (--epochs), or without a gate (--gate none)." in said(short)
    assert "--gate" not in said(replace(short, gate="none"))


def test_no_verdict_says_why(comparison):
    nan = float("nan")
    unknown = judged(comparison, "no verdict", 0.01, 0.01)
    assert "there are too few runs or test images, so there is no verdict." in said(unknown)
    of_one_group = replace(unknown, findings=replace(unknown.findings, groups=1))
    assert "all test images are of one group, which says nothing about others" in said(of_one_group)
    assert "Mean IoU is not defined on these test images" in said(judged(comparison, "no verdict", nan, nan))


@pytest.mark.parametrize(
    ("cbam", "smooth", "answer"),
    [
        ("no difference", "hurts", f"No: {SMOOTH} hurts; {CBAM} makes no difference that matters."),
        (
            "not tested",
            "not tested",
            f"Not tested: {CBAM} and {SMOOTH} were not tested, because the runs are too short.",
        ),
        (
            "not shown",
            "not tested",
            f"Not shown: no effect is shown for {CBAM}; {SMOOTH} was not tested, because the runs are too"
            " short.",
        ),
        ("helps", "no verdict", f"Yes: {CBAM} helps; there is no verdict on {SMOOTH}."),
        ("not shown", "hurts", f"Not shown: {SMOOTH} hurts; no effect is shown for {CBAM}."),
    ],
)
def test_the_headline_gives_every_verdict(comparison, cbam, smooth, answer):
    both = judged(judged(comparison, cbam), smooth, arm=SMOOTH)
    assert headline(both) == answer


def test_every_verdict_has_a_mark_an_order_a_meaning_and_a_colour(comparison):
    verdicts = set(decide.__annotations__["return"].__args__)
    assert verdicts == set(MARKS) == set(meanings(comparison)) == set(VERDICTS) - {""}
    page = render(judged(judged(comparison, "no difference"), "not tested", arm=SMOOTH))
    assert '<article class="card same">' in page
    assert '<article class="card untested">' in page
    assert '<span class="badge same">= no difference</span>' in page


def openings(comparison, *points):
    """points: of one seed each, as the epoch, label, gate and change."""
    return replace(
        comparison, openings=tuple(OpeningPoint(CBAM, seed, *point) for seed, point in enumerate(points))
    )


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (
            [(9, "cbam@decoder", 1.5, 0.48), (9, "cbam@decoder", -1.8, 0.6)],
            "Its gate opened to 1.5 to 1.8 and it changes the features by 48 to 60%.",
        ),
        (
            [(9, "cbam@decoder", 0.0, 0.0), (9, "cbam@decoder", 0.02, 0.009)],
            "Training kept its gate shut (0.00 to 0.02): it changes the features by less than 1%.",
        ),
        (
            [(9, "cbam@decoder", 0.4, 0.002)],
            "Its gate opened to 0.40, but it changes the features by less than 1%.",
        ),
        ([(9, "cbam@decoder", float("nan"), 0.25)], "It changes the features by 25%."),
        ([(9, "cbam@decoder", float("nan"), 0.001)], "It changes the features by less than 1%."),
        (
            [(9, "cbam@encoder2", 0.05, 0.004), (9, "cbam@decoder", 1.2, 0.3)],
            "Its 2 gates opened to 0.05 to 1.20 and it changes the features by 0.4 to 30%, most at decoder.",
        ),
        ([], ""),
    ],
)
def test_how_far_the_attention_is_open_is_said_in_a_sentence(comparison, points, sentence):
    opened = openings(comparison, *points)
    arm = next(c for c in opened.arms if c.arm == CBAM)
    assert opening_sentence(opened, arm) == sentence
    assert not sentence or sentence in said(opened)


def test_the_last_epoch_and_the_widest_attention_count(comparison):
    points = [(0, "cbam@decoder", 0.1, 0.9), (5, "cbam@decoder", 1.0, 0.2), (5, "cbam@encoder2", 1.0, 0.3)]
    opened = replace(comparison, openings=tuple(OpeningPoint(CBAM, 0, *point) for point in points))
    assert widest(opened, CBAM) == "cbam@encoder2"
    assert "by 20 to 30%" in said(opened)


def test_a_host_that_is_not_trained_well_is_warned_of(comparison):
    assert warnings(comparison) == []
    assert warnings(replace(comparison, rising=0.009)) == []
    rising = replace(comparison, rising=0.023, one_class="sky")
    first, second = warnings(rising)
    assert first == (
        "The host was still improving: its validation mean IoU rose by 2.3 points in the last fifth of the "
        "training. Train longer (--epochs) before you trust these verdicts."
    )
    assert second.startswith("The host predicts sky on every pixel, so there is nothing to compare with yet.")
    assert "for every image" in warnings(replace(rising, task="classification"))[1]
    assert summary_lines(rising)[1:3] == [f"Warning: {first}", f"Warning: {second}"]
    assert render(rising).count('<p class="warning">') == 2


def test_the_notes_say_when_the_result_was_looked_at(comparison):
    def looked(*looks):
        return " ".join(notes(replace(comparison, findings=replace(comparison.findings, looks=looks))))

    assert "looked at once, with 3 seeds" in looked(3)
    assert "looked at 4 times: with 3 to 6 seeds, after every seed" in looked(3, 4, 5, 6)
    assert "looked at 3 times: with 3, 5 and 8 seeds" in looked(3, 5, 8)
    assert "The forecast before training was" in looked(3)
    assert "The forecast before training was" not in looked(3, 5)


def test_the_notes_say_why_arms_stopped(comparison):
    assert "Each arm got seeds until" not in " ".join(notes(comparison))
    text = " ".join(notes(stopped(stopped(comparison, "decided"), "undecidable", SMOOTH)))
    assert f"{CBAM} is decided and stopped after 3 seeds; {SMOOTH} stopped after 3 seeds, because" in text
    assert "got as many seeds as the most allowed" in " ".join(notes(stopped(comparison, "")))


def test_the_correction_does_not_count_placebos(comparison):
    text = " ".join(notes(comparison))
    assert "adjusted for the number of arms and contrasts (Holm). Placebos do not count" in text


def test_few_groups_are_warned_of(comparison):
    def grouped(groups):
        return replace(comparison, findings=replace(comparison.findings, groups=groups))

    text = " ".join(notes(grouped(7)))
    assert "40 test images in 7 groups" in text
    assert "the intervals leave out one group at a time. There are only 7" in text
    assert "There are only" not in " ".join(notes(grouped(12)))
    assert "group" not in " ".join(notes(comparison))
    shown = judged(grouped(12), "not shown", -0.02, 0.03, seed_variance=1e-6, image_variance=1e-4)
    assert "from the 12 groups of test images" in said(shown)
    assert "40 test images in 12 groups</dd>" in render(shown)
