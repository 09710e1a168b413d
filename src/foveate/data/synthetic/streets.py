"""Synthetic street scenes: any number, seeded, labelled without error, with the difficulties of real ones.

Large regions (sky, buildings, road) lie beside small signs, thin poles and rare riders. The class shares are
close to CamVid's; light, texture and noise vary. A scene depends on its seed and index only; the size changes
nothing but its resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from foveate.data.pixels.masks import IGNORE
from foveate.data.published.camvid import CAMVID
from foveate.data.synthetic.drawing import Size, drawing

CLASSES, COLORS = tuple(CAMVID), tuple(CAMVID.values())
SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)
SIZE = (96, 128)

# Standard deviation of the texture of each class (by id; the last is void), in grey values of 255.
_ROUGHNESS = np.array([2, 7, 4, 5, 6, 24, 4, 9, 5, 6, 6, 8], dtype=np.float32)
_GREY = (110, 108, 105)


def draw_scene(
    index: int, seed: int = 0, size: tuple[int, int] = SIZE
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Draw scene number `index`. size: height and width. Returns the RGB image and class ids (255 = void).

    >>> image, mask = draw_scene(3)
    >>> image.shape, mask.shape, bool((mask == SKY).any())
    ((96, 128, 3), (96, 128), True)
    """
    scene = _Scene(np.random.default_rng((seed, index)), size)
    scene.draw()
    return scene.finish()


@drawing(
    "streets",
    classes=CLASSES,
    colors=COLORS,
    size=SIZE,
    train=64,
    summary="drawn street scenes, endless and seeded, no files (synthetic:COUNT or synthetic:COUNT:HxW)",
)
def _draw(index: int, size: Size) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    return draw_scene(index, size=size)


@dataclass
class _Scene:
    """Draws every shape in the image and in the mask. Coordinates are fractions of width and height."""

    random: np.random.Generator
    size: tuple[int, int]

    def __post_init__(self) -> None:
        height, width = self.size
        self.image = Image.new("RGB", (width, height))
        self.mask = Image.new("L", (width, height))
        self.paint, self.label = ImageDraw.Draw(self.image), ImageDraw.Draw(self.mask)
        self.horizon = self.between(0.40, 0.50)
        self.vanishing = self.between(0.35, 0.65)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def color(self, base: Sequence[float], spread: float) -> tuple[int, ...]:
        """Return a random colour near `base`: one shift for all channels, plus a smaller one for each."""
        shift = self.random.normal(0, spread) + self.random.normal(0, spread / 2, 3)
        return tuple(int(value) for value in np.clip(np.array(base) + shift, 0, 255))

    def polygon(self, kind: int, color: Sequence[int], points: Sequence[tuple[float, float]]) -> None:
        height, width = self.size
        corners = [(x * width, y * height) for x, y in points]
        self.paint.polygon(corners, fill=tuple(color))
        self.label.polygon(corners, fill=kind)

    def box(
        self, kind: int, color: Sequence[int], left: float, top: float, right: float, bottom: float
    ) -> None:
        height, width = self.size
        corners = (left * width, top * height, max(left, right) * width, max(top, bottom) * height)
        self.paint.rectangle(corners, fill=tuple(color))
        self.label.rectangle(corners, fill=kind)

    def ellipse(
        self, kind: int, color: Sequence[int], x: float, y: float, across: float, tall: float
    ) -> None:
        height, width = self.size
        corners = (
            (x - across / 2) * width,
            (y - tall / 2) * height,
            (x + across / 2) * width,
            (y + tall / 2) * height,
        )
        self.paint.ellipse(corners, fill=tuple(color))
        self.label.ellipse(corners, fill=kind)

    def draw(self) -> None:
        self.backdrop()
        for side in (-1, 1):
            self.buildings(side)
        self.ground()
        for side in (-1, 1):
            self.roadside(side)
        self.traffic()
        self.unlabelled()

    def backdrop(self) -> None:
        """Draw the sky, and a distant row of houses or trees along the horizon."""
        self.box(SKY, self.color((165, 185, 205), 22), 0, 0, 1, 1)
        far = TREE if self.random.random() < 0.4 else BUILDING
        base = (70, 90, 62) if far == TREE else (128, 118, 110)
        self.box(
            far, self.color(base, 15), 0, self.horizon - self.between(0.03, 0.10), 1, self.horizon + 0.05
        )

    def buildings(self, side: int) -> None:
        """Draw a row of facades that shrink towards the vanishing point."""
        edge = 0.0 if side < 0 else 1.0
        span = abs(edge - self.vanishing)
        near = 1.0
        top = self.between(0.40, 0.72)
        while near > 0.12:
            far = near * self.between(0.45, 0.75)
            height = top * self.between(0.75, 1.15)
            x0, x1 = self.vanishing + side * near * span, self.vanishing + side * far * span
            color = self.color((138, 116, 102), 26)
            corners = [(x0, self.horizon - height * near), (x1, self.horizon - height * far)]
            self.polygon(
                BUILDING, color, [*corners, (x1, self.horizon + 0.25 * far), (x0, self.horizon + 0.25 * near)]
            )
            self.windows(x0, x1, near, far, height, color)
            near = far

    def windows(
        self, x0: float, x1: float, near: float, far: float, height: float, wall: Sequence[int]
    ) -> None:
        dark = tuple(int(value * self.between(0.45, 0.7)) for value in wall)
        columns = max(1, round(abs(x1 - x0) / 0.055))
        for column in range(columns):
            share = (column + 0.5) / columns
            depth = near + share * (far - near)
            x, wide = x0 + share * (x1 - x0), abs(x1 - x0) / columns * 0.25
            for floor in (0.2, 0.45, 0.7):
                y, tall = self.horizon - height * depth * floor, height * depth * 0.06
                self.box(BUILDING, dark, x - wide, y - tall, x + wide, y + tall)

    def ground(self) -> None:
        """Draw a road with markings that narrows to the vanishing point, and pavement on both sides."""
        horizon, middle = self.horizon, self.vanishing
        self.left, self.right = self.between(0.15, 0.6), self.between(0.15, 0.6)
        walk = self.between(0.32, 0.66)
        paved = [
            (middle, horizon),
            (middle + 0.5 + self.right + walk, 1),
            (middle - 0.5 - self.left - walk, 1),
        ]
        verge = PAVEMENT if self.random.random() < 0.35 else TREE
        tone = (150, 140, 132) if verge == PAVEMENT else (84, 104, 66)
        self.box(verge, self.color(tone, 14), 0, horizon + 0.14, 1, 1)
        self.polygon(PAVEMENT, self.color((152, 141, 136), 12), paved)
        road = [(middle, horizon), (middle + 0.5 + self.right, 1), (middle - 0.5 - self.left, 1)]
        self.polygon(ROAD, self.color((112, 110, 114), 14), road)
        x = middle + self.between(-0.35, 0.35)
        for start in np.arange(0.15, 1, 0.22):
            near, far = start + 0.1, start
            ends = [(middle + (x - middle) * d, horizon + (1 - horizon) * d) for d in (near, far)]
            (x0, y0), (x1, y1) = ends
            self.polygon(
                ROAD, (205, 203, 196), [(x0, y0), (x0 + 0.03 * near, y0), (x1 + 0.03 * far, y1), (x1, y1)]
            )

    def spot(self, side: int, depth: float, offset: float) -> tuple[float, float]:
        """Return the position at `depth` (0 far, 1 near) and `offset` beyond the road's edge."""
        half = 0.5 + (self.left if side < 0 else self.right) + offset
        return self.vanishing + side * half * depth, self.horizon + (1 - self.horizon) * depth

    def roadside(self, side: int) -> None:
        """Draw fences, trees, poles with signs, and pedestrians, the far ones first."""
        if self.random.random() < 0.6:
            low, tall = self.between(0.15, 0.3), self.between(0.16, 0.24)
            high = low + self.between(0.16, 0.36)
            (x0, y0), (x1, y1) = self.spot(side, low, 0.42), self.spot(side, high, 0.42)
            self.polygon(
                FENCE,
                self.color((96, 88, 84), 18),
                [(x0, y0), (x1, y1), (x1, y1 - tall * high), (x0, y0 - tall * low)],
            )
        for depth in sorted(self.random.uniform(0.12, 0.6, self.random.integers(1, 5))):
            self.tree(*self.spot(side, depth, self.between(0.25, 0.5)), depth)
        for depth in sorted(self.random.uniform(0.1, 0.5, self.random.integers(1, 4))):
            self.pole(*self.spot(side, depth, 0.06), depth)
        for depth in sorted(self.random.uniform(0.12, 0.42, self.random.integers(0, 4))):
            self.person(PEDESTRIAN, *self.spot(side, depth, self.between(0.05, 0.25)), depth)

    def tree(self, x: float, y: float, depth: float) -> None:
        tall = depth * self.between(0.7, 1.1)
        self.box(TREE, self.color((70, 58, 46), 8), x - 0.02 * depth, y - tall, x + 0.02 * depth, y)
        leaves = self.color((72, 94, 54), 16)
        for _ in range(5):
            dx, dy = self.random.normal(0, 0.10 * depth), self.random.normal(0, 0.10 * depth)
            self.ellipse(TREE, leaves, x + dx, y - tall + dy, 0.46 * depth, 0.5 * depth)

    def pole(self, x: float, y: float, depth: float) -> None:
        tall, wide = depth * self.between(0.8, 1.3), 0.018 * depth
        color = self.color((120, 118, 112), 22)
        self.box(POLE, color, x - wide / 2, y - tall, x + wide / 2, y)
        if self.random.random() < 0.55:
            sign = self.color(
                ((190, 60, 55), (60, 80, 170), (215, 195, 70), (60, 140, 90))[self.random.integers(4)], 14
            )
            across, up = depth * self.between(0.12, 0.26), y - tall * self.between(0.75, 1)
            shape = self.ellipse if self.random.random() < 0.5 else self._plate
            shape(SIGN, sign, x, up, across, across * 1.3)

    def _plate(self, kind: int, color: Sequence[int], x: float, y: float, across: float, tall: float) -> None:
        self.box(kind, color, x - across / 2, y - tall / 2, x + across / 2, y + tall / 2)

    def person(self, kind: int, x: float, y: float, depth: float) -> None:
        tall = depth * self.between(0.42, 0.55)
        lift = 0.0
        if kind == BICYCLIST:
            lift = 0.25 * tall
            for wheel in (-0.22, 0.22):
                self.ellipse(
                    kind,
                    self.color((40, 40, 42), 8),
                    x + wheel * tall,
                    y - 0.16 * tall,
                    0.3 * tall,
                    0.34 * tall,
                )
        legs, coat = self.color((52, 52, 66), 14), self.color((110, 84, 84), 45)
        self.box(kind, legs, x - 0.08 * tall, y - 0.5 * tall - lift, x + 0.08 * tall, y - lift)
        self.box(kind, coat, x - 0.11 * tall, y - 0.86 * tall - lift, x + 0.11 * tall, y - 0.45 * tall - lift)
        self.ellipse(
            kind, self.color((188, 150, 130), 14), x, y - 0.92 * tall - lift, 0.12 * tall, 0.17 * tall
        )

    def traffic(self) -> None:
        for depth in sorted(self.random.uniform(0.1, 0.5, self.random.integers(1, 6))):
            side = 1 if self.random.random() < 0.5 else -1
            self.car(*self.spot(side, depth, -self.between(0.12, 0.55)), depth)
        if self.random.random() < 0.4:
            depth = self.between(0.15, 0.4)
            self.person(BICYCLIST, *self.spot(1 if self.random.random() < 0.5 else -1, depth, -0.12), depth)

    def car(self, x: float, y: float, depth: float) -> None:
        wide, tall = depth * self.between(0.42, 0.55), depth * self.between(0.38, 0.5)
        body = self.color((125, 118, 122), 48)
        self.polygon(CAR, body, [
            (x - 0.36 * wide, y - tall), (x + 0.36 * wide, y - tall), (x + 0.5 * wide, y - 0.55 * tall),
            (x + 0.5 * wide, y), (x - 0.5 * wide, y), (x - 0.5 * wide, y - 0.55 * tall),
        ])  # fmt: skip
        self.box(CAR, (48, 54, 62), x - 0.3 * wide, y - 0.92 * tall, x + 0.3 * wide, y - 0.6 * tall)
        for end in (-1, 1):
            tyre, lamp = x + end * 0.42 * wide, x + end * 0.4 * wide
            self.box(CAR, (28, 28, 30), tyre - 0.06 * wide, y - 0.2 * tall, tyre + 0.06 * wide, y)
            self.box(
                CAR, (205, 70, 60), lamp - 0.05 * wide, y - 0.48 * tall, lamp + 0.05 * wide, y - 0.38 * tall
            )

    def unlabelled(self) -> None:
        """Draw void objects: bins, carts and the bonnet of the camera car."""
        for _ in range(self.random.integers(0, 4)):
            depth = self.between(0.15, 0.6)
            x, y = self.spot(1 if self.random.random() < 0.5 else -1, depth, self.between(-0.3, 0.5))
            self._plate(IGNORE, self.color(_GREY, 40), x, y - 0.15 * depth, 0.28 * depth, 0.3 * depth)
        if self.random.random() < 0.5:
            self.box(IGNORE, self.color((60, 60, 64), 20), 0, self.between(0.92, 0.97), 1, 1)

    def finish(self) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        """Add texture by class, uneven light, clouds, a tint and sensor noise; return image and mask."""
        height, width = self.size
        mask = np.asarray(self.mask)
        pixels = np.asarray(self.image, dtype=np.float32)
        rough = _ROUGHNESS[np.minimum(mask, len(_ROUGHNESS) - 1)]
        grain = self.random.standard_normal((height, width), dtype=np.float32)
        light = self._smooth(4, 0.16) * self.between(0.65, 1.25)
        clouds = 18 * self._smooth(8, 1.0) - 18
        shade = rough * grain + np.where(mask == SKY, clouds, 0)
        tint = self.random.normal(1, 0.05, 3).astype(np.float32)
        noise = self.random.standard_normal(pixels.shape, dtype=np.float32) * self.between(2, 8)
        image = (pixels + shade[..., None]) * light[..., None] * tint + noise
        return np.clip(image, 0, 255).astype(np.uint8), mask

    def _smooth(self, cells: int, strength: float) -> np.ndarray:
        """Return a random field of mean 1 and deviation `strength`, smooth over 1/`cells` of the scene."""
        coarse = Image.fromarray(self.random.normal(1, strength, (cells, cells)).astype(np.float32))
        return np.asarray(coarse.resize(self.size[::-1], Image.Resampling.BICUBIC))
