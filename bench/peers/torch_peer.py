"""PyTorch, eager: fused Adam, one gather a batch, the loss added up on the tensor and read once an epoch."""

import math

import protocol

job = protocol.job()

import torch
import torch.nn.functional as F

torch.set_num_threads(job.threads)
torch.manual_seed(0)

layers = []
if job.convolutions:
    edge = math.isqrt(job.layers[0])
    layers = [torch.nn.Unflatten(1, (1, edge, edge))]
for k, (weight, bias) in enumerate(job.initial):
    if k < len(job.convolutions):
        layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2])
    else:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    layers += [layer, torch.nn.ReLU()]
    if k < len(job.convolutions):
        layers += [torch.nn.MaxPool2d(2)]
    if k + 1 == len(job.convolutions):
        layers += [torch.nn.Flatten()]
model = torch.nn.Sequential(*layers[:-1])
optimizer = torch.optim.Adam(model.parameters(), lr=job.learning_rate, fused=True)
x, y = torch.from_numpy(protocol.floats(job.x)), torch.from_numpy(job.y).long()
rows = len(x)


def epoch():
    order = torch.randperm(rows)
    total = torch.zeros(())
    for start in range(0, rows, job.batch):
        chosen = order[start : start + job.batch]
        loss = F.cross_entropy(model(x[chosen]), y[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return total.item() * job.batch / rows


protocol.serve(epoch)
