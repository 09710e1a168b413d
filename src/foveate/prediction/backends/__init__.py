"""What computes logits beside PyTorch: ONNX Runtime and OpenVINO, each an `nn.Module` for exported files."""
