"""Models are called as they want to be: with keywords, dicts, several images, or a list of images."""

from collections import UserDict

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from foveate.errors import UserError
from foveate.inspection.record import record
from foveate.models.attaching.attach import attach, detach
from foveate.models.places.find import find_places

X = torch.rand(2, 3, 32, 48)


class Base(nn.Module):
    def __init__(self, width: int = 8):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(width, 2, 1)


class Keywords(Base):
    def forward(self, *, pixel_values, labels=None):
        return {"logits": self.head(self.stem(pixel_values))}


class OneDict(Base):
    def forward(self, batch):
        return {"out": self.head(self.stem(batch["image"]))}


class Siamese(Base):
    def __init__(self):
        super().__init__(16)

    def forward(self, before, after):
        return self.head(torch.cat([self.stem(before), self.stem(after)], 1))


class Masked(Base):
    """Wants a mask of valid pixels, whole numbers of the image's size, as DETR does."""

    def forward(self, pixel_values, pixel_mask=None):
        return self.head(self.stem(pixel_values * pixel_mask[:, None]))


class Views(Base):
    def forward(self, views: list):
        return [self.head(self.stem(view)) for view in views]


class Bytes(Base):
    def forward(self, image):
        return self.head(self.stem(image.float() / 255))


def test_any_form_of_example_is_called_as_the_model_wants():
    mask = torch.ones(2, 32, 48, dtype=torch.long)
    cases = [
        (Keywords(), {"pixel_values": X}),
        (Keywords(), UserDict(pixel_values=X, labels=None)),
        (OneDict(), {"image": X}),
        (Siamese(), (X, X)),
        (Siamese(), [X, X]),
        (Siamese(), {"before": X, "after": X}),
        (Masked(), {"pixel_mask": mask, "pixel_values": X}),
        (Views(), [X, X]),
        (Bytes(), (X * 255).to(torch.uint8)),
        (nn.Sequential(nn.Conv2d(3, 4, 1)), (X,)),
    ]
    for model, example in cases:
        place = "stem" if isinstance(model, Base) else "0"
        before = call(model.eval(), example)
        attach(model, f"se@{place}(reduction=2)", example=example)
        assert torch.equal(call(model, example), before), type(model)
        with record(model) as recording:
            call(model, example)
        images = 2 if isinstance(model, Siamese | Views) else 1
        assert len(recording.passes[f"se@{place}"]) == images, "a map for each call"
        assert torch.equal(call(detach(model), example), before)


def call(model, example):
    with torch.no_grad():
        if isinstance(model, OneDict):
            return model(example)["out"]
        if isinstance(model, Views):
            return torch.cat(model(example))
        if isinstance(example, dict | UserDict):
            out = model(**example)
            return out["logits"] if isinstance(out, dict) else out
        return model(*example) if isinstance(example, tuple | list) else model(example)


def test_an_opened_gate_changes_what_a_keyword_model_computes():
    model = attach(Keywords(), "se@stem(reduction=2)", gate="none", example={"pixel_values": X})
    out = model(pixel_values=X)["logits"]
    assert not torch.equal(out, detach(model)(pixel_values=X)["logits"])


def test_a_detector_takes_a_list_of_images():
    model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3
    ).eval()
    images = [torch.rand(3, 60, 80), torch.rand(3, 60, 80)]
    with torch.no_grad():
        before = model(images)
        attach(model, "se@backbone.features.0.0", example=images)
        after = model(images)
    assert all(torch.equal(a["boxes"], b["boxes"]) for a, b in zip(after, before, strict=True))
    assert {"encoder2", "encoder3", "encoder4"} <= find_places(detach(model), images).keys()


@pytest.mark.parametrize(
    ("model", "example", "words"),
    [
        (
            Keywords(),
            X,
            r"Keywords cannot be called with one tensor: its forward takes \(pixel_values, labels\)",
        ),
        (Siamese(), X, "Siamese cannot be called with one tensor"),
        (Base(), np.zeros((1, 3, 8, 8)), "example= is a ndarray; pass a tensor b c h w, a tuple"),
        (Base(), "photo.png", "example= is a str; pass a tensor"),
        (Masked(), {"pixel_values": torch.rand(3, 8)}, r"holds no image: .* there is \(3, 8\)"),
        (Siamese(), (), "holds no image: .* there is none"),
        (Masked(), {"pixel_values": X}, r"Masked fails on an input of shape \(2, 3, 32, 48\)"),
        (Keywords(), None, "pass example=, a tensor b c h w, a tuple of the arguments"),
    ],
)
def test_what_an_example_cannot_be_is_told(model, example, words):
    with pytest.raises(UserError, match=words):
        attach(model, "se@stem", example=example)
