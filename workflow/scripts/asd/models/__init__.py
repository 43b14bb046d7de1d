"""Models as files: what one holds, and how a trained run becomes standard ONNX operators."""
