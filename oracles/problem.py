"""The fixed inputs that several groups share, so that their files can be compared with one another.

All come from closed formulas; every golden file stores the numbers themselves as well.
"""

import math

# Points of the activations. -0.0 stands for the sign of zero; 20.5 and 21 are where 1 - sigmoid(x) loses
# its digits, 50 where sigmoid(x) rounds to 1, 700 where exp(x) nearly overflows.
GRID = sorted({s * x for x in (1e-8, 0.1, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 10.0, 20.5, 21.0, 50.0, 700.0) for s in (1, -1)})
GRID = [x for x in GRID if x < 0] + [-0.0, 0.0] + [x for x in GRID if x > 0]

# Optimizers: parameters θ[0..7], gradients g_t[i] for t = 0..100.
PARAMETERS = 7
STEPS = 100
REPORTED = (1, 2, 10, 100)
THETA = [0.5, -1.0, 2.0, -0.25, 1.5, 0.0, -3.0]


def gradient(t, i):
    """Gradient of parameter i in step t (from 0): sin(0.1·(t+1)·(i+1)) + 0.1·i."""
    return math.sin(0.1 * (t + 1) * (i + 1)) + 0.1 * i


GRADIENTS = [[gradient(t, i) for i in range(PARAMETERS)] for t in range(STEPS)]


def wave(count, frequency, phase, amplitude):
    """`count` numbers amplitude·sin(frequency·k + phase), k = 0..count, rounded to 4 decimals."""
    return [round(amplitude * math.sin(frequency * k + phase), 4) for k in range(count)]


ROW_WEIGHTS = [1.0, 0.5, 2.0, 0.0, 1.25, 3.0]
