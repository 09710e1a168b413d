"""Export a trained network to ONNX, OpenVINO or PyTorch, and prove that the file computes the same."""
