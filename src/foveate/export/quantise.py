"""INT8: weights and features in 8 bits, with ranges found on training images (ONNX Runtime, static)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from foveate.export.graph import quiet

OPERATORS = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Relu", "MaxPool", "Concat", "Resize")
"""What is computed in 8 bits. Gates, softmax and normalisation stay in float32."""


def quantise(source: Path, target: Path, images: Sequence[Tensor]) -> None:
    """Write an ONNX file of the same function in INT8, as pairs of QuantizeLinear and DequantizeLinear.

    images: what the ranges of the features are found on, each `b c h w` as the network takes it. Weights have
    one scale for each output channel.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left: Iterator[np.ndarray] = (image.numpy() for image in images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.left, None)
            return None if image is None else {"image": image}

    prepared = target.with_name(f"{target.stem}.prepared.onnx")
    try:
        with quiet():
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                target,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(OPERATORS),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
    finally:
        prepared.unlink(missing_ok=True)
