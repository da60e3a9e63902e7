"""What NumPy gives for the operations of numpy.test.ts: `python3 test/tensors/numpy-values.py` writes numpy-values.json."""

import json
import pathlib

import numpy as np

n = 12
a = (((np.arange(n * n) * 37) % 101) / 50 - 1).astype(np.float32).reshape(n, n)
b = (((np.arange(n * n) * 53) % 97) / 40 - 1.2).astype(np.float32).reshape(n, n)
exp = np.exp(a - a.max(axis=1, keepdims=True))

# A convolution of a (one image, one channel) with the upper left 3 x 3 of b, without padding.
filter = b[:3, :3]
windows = np.lib.stride_tricks.sliding_window_view(a, (3, 3))

values = {
    "matMul": a @ b,
    "add": a + b,
    "divide": a / (np.abs(b) + 1),
    "exp": np.exp(a),
    "log": np.log(np.abs(a) + 1),
    "tanh": np.tanh(a),
    "sigmoid": 1 / (1 + np.exp(-a)),
    "sqrt": np.sqrt(np.abs(a)),
    "softmax": exp / exp.sum(axis=1, keepdims=True),
    "sum over rows": a.sum(axis=0),
    "mean": a.mean(),
    "maximum over columns": a.max(axis=1),
    "index of the maximum": a.argmax(axis=1),
    "transpose": a.T,
    "concatenation": np.concatenate([a, b], axis=1),
    "convolution": np.einsum("ijkl,kl->ij", windows, filter),
    "rows of indices": a[[3, 0, 7]],
    "cumulative sum": np.cumsum(a, axis=1),
}
text = json.dumps({name: np.asarray(value, dtype=np.float32).ravel().tolist() for name, value in values.items()})
pathlib.Path(__file__).with_suffix(".json").write_text(text.replace("], ", "],\n") + "\n")
print(np.__version__)
