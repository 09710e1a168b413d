import pytest

from foveate.errors import UserError
from foveate.specs.sweep import SweepSpec


def tree(**keys):
    return {"data": "photos", "grid": {"lr": [0.1, 0.01]}, **keys}


def test_every_combination_is_a_run_seed_by_seed_and_fold_by_fold():
    spec = SweepSpec.from_tree(
        tree(
            data=["a", "b"],
            arms=["none", "B=se@decoder"],
            variants=[{"arch": "unet"}, {"arch": "fpn", "encoder": "resnet34"}],
            seeds=2,
            folds=3,
            epochs=5,
        )
    )
    cells = list(spec.cells())
    assert len(cells) == len(set(map(str, cells))) == 2 * 2 * 2 * 2 * 2 * 3
    assert str(cells[1]) == "a, se@decoder, arch unet, lr 0.1, seed 0, fold 1/3"
    assert spec.settings == {"epochs": 5}
    assert spec.swept == ("arch", "encoder", "lr")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"grid": {"lerning_rate": [1]}}, "grid: unknown field of a run 'lerning_rate'"),
        ({"grid": {"encodr": ["a"]}}, "did you mean 'encoder'?"),
        (
            {"variants": [{"archh": "unet"}]},
            r"variants\[0\]: unknown field of a run 'archh'; did you mean 'arch'?",
        ),
        ({"epoch": 3}, "unknown field of a run 'epoch'; did you mean 'epochs'?"),
        ({"grid": {"lr": []}}, "grid: lr has no values"),
        ({"grid": {"lr": 0.1}}, r"grid: lr is 0.1; list its values, such as \[0.1\]"),
        ({"grid": {"seed": [1, 2]}}, "'seed' of the runs is set by the key seeds"),
        ({"arms": []}, "arms is empty"),
        ({"lr": 0.1}, "lr is set in grid and in the file; set it once"),
        ({"seeds": 0}, "seeds is 0 from 0 on; give 1 or more"),
        ({"folds": 1}, "folds is 1; give 2 or more"),
        ({"seeds": "many"}, "seeds is 'many'; expected int"),
        ({"arms": ["cbam@"]}, "expected a place"),
        ({"versus": "color"}, "versus is 'color', which is not swept"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(keys, words):
    with pytest.raises(UserError, match=r"^rates.yaml: (.|\n)*" + words):
        SweepSpec.from_tree(tree(**keys), "rates.yaml")


@pytest.mark.parametrize("content", ["", "a list", [1, 2]])
def test_a_file_without_keys_holds_no_sweep(content):
    with pytest.raises(UserError, match="holds no sweep; it needs data and a grid"):
        SweepSpec.from_tree(content)


def test_data_are_needed():
    with pytest.raises(UserError, match="the key 'data' is missing"):
        SweepSpec.from_tree({"grid": {"lr": [1]}})


def test_files_that_are_no_yaml(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        SweepSpec.load(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_text("grid: {lr: [0.1\ndata: a")
    with pytest.raises(UserError, match=r"bad.yaml, line 2: not valid YAML"):
        SweepSpec.load(tmp_path / "bad.yaml")
    (tmp_path / "image.yaml").write_bytes(b"\x89PNG\xff")
    with pytest.raises(UserError, match="is not a text file"):
        SweepSpec.load(tmp_path / "image.yaml")
