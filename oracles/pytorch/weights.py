"""Weight files of PyTorch, and what the networks that have them put out.

A case has `module` (an expression of Python that makes the network), `layers` (Thalweg's), `input` (the shape of a row),
`file` (the bytes of `safetensors.torch.save_file(net.state_dict())`, in hexadecimal), `dtype`, `names` (of its tensors),
`rows`, `x` and `y`, what the network puts out in evaluation, in f64, from the weights as the file has them.
"""

import torch
from safetensors.torch import save

from problem import wave

torch.set_default_dtype(torch.float64)

MLP = "torch.nn.Sequential(torch.nn.Linear(3, 5, bias=True), torch.nn.Tanh(), torch.nn.Linear(5, 5, bias=True), torch.nn.GELU(), torch.nn.Linear(5, 2, bias=True))"
MLP_LAYERS = [
    {"name": "dense", "units": 5, "activation": "tanh"},
    {"name": "dense", "units": 5, "activation": "gelu"},
    {"name": "dense", "units": 2},
]
CONV = "torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, stride=1, padding=1, groups=1, bias=True), torch.nn.BatchNorm2d(2, eps=0.00001, momentum=0), torch.nn.LeakyReLU(0.1), torch.nn.MaxPool2d(2, stride=2, padding=0), torch.nn.Flatten(), torch.nn.Linear(8, 2, bias=True))"
CONV_LAYERS = [
    {"name": "conv2d", "channels": 2, "kernel": 3, "padding": 1},
    {"name": "batch_norm", "momentum": 0.0},
    {"name": "activation", "activation": {"name": "leaky_relu", "negative_slope": 0.1}},
    {"name": "max_pool", "kernel": 2},
    {"name": "dense", "units": 2},
]
# Eleven layers: 10 comes after 9, and not after 1.
DEEP = "torch.nn.Sequential(" + ", ".join(["torch.nn.Linear(2, 2, bias=True)"] * 11) + ")"
DEEP_LAYERS = [{"name": "dense", "units": 2}] * 11


class Named(torch.nn.Module):
    """The same as MLP, with names of its own."""

    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(3, 5)
        self.fc2 = torch.nn.Linear(5, 5)
        self.out = torch.nn.Linear(5, 2)

    def forward(self, x):
        return self.out(torch.nn.functional.gelu(self.fc2(torch.tanh(self.fc1(x)))))


def case(name, net, module, layers, shape, dtype):
    for index, (key, tensor) in enumerate(net.state_dict().items()):
        if tensor.dtype == torch.int64:
            continue
        values = torch.tensor(wave(tensor.numel(), 0.7 + 0.1 * index, 0.3 * index + 0.1, 0.8)).reshape(tensor.shape)
        tensor.copy_(values.abs() + 0.5 if key.endswith("running_var") else values)
    convert = lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor
    state = {key: convert(tensor).contiguous() for key, tensor in net.state_dict().items()}
    net.load_state_dict({key: tensor.double() if tensor.is_floating_point() else tensor for key, tensor in state.items()})
    net.eval()
    rows = 4
    count = rows
    for size in shape:
        count *= size
    x = wave(count, 0.9, 0.2, 1.5)
    with torch.no_grad():
        y = net(torch.tensor(x).reshape([rows, *shape]))
    return {
        "name": name,
        "module": module,
        "layers": layers,
        "input": shape,
        "file": save(state, {"format": "pt"}).hex(),
        "dtype": str(dtype).removeprefix("torch."),
        "names": list(state),
        "rows": rows,
        "x": x,
        "y": y.flatten(),
    }


def golden():
    def sequential(name, module, layers, shape, dtype):
        return case(name, eval(module), module, layers, shape, dtype)

    cases = [
        sequential("mlp_f64", MLP, MLP_LAYERS, [3], torch.float64),
        sequential("mlp_f32", MLP, MLP_LAYERS, [3], torch.float32),
        sequential("mlp_f16", MLP, MLP_LAYERS, [3], torch.float16),
        sequential("mlp_bf16", MLP, MLP_LAYERS, [3], torch.bfloat16),
        sequential("conv_f64", CONV, CONV_LAYERS, [1, 4, 4], torch.float64),
        sequential("deep_f64", DEEP, DEEP_LAYERS, [2], torch.float64),
        case("named_f64", Named(), None, MLP_LAYERS, [3], torch.float64),
    ]
    return {"weights": {"torch": torch.__version__.split("+")[0], "cases": cases}}
