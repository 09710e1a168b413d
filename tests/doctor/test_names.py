"""Names of classes that people would take for one."""


def test_labels_that_differ_in_case_or_blanks_alone(plant):
    plant.pairs(12)
    words = ("cat", "Cat", "traffic light", "traffic_light")
    rows = [f"images/{number:02d}.png,{words[number % 4]}" for number in range(12)]
    for path in (plant.root / "masks").iterdir():
        path.unlink()
    (plant.root / "masks").rmdir()
    (plant.root / "labels.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    (finding,) = (finding for finding in plant.findings() if finding.check == "names")
    assert finding.severity == "warning"
    assert finding.title == (
        "2 classes with names in several spellings: 'Cat' and 'cat'; 'traffic light' and 'traffic_light'"
    )
