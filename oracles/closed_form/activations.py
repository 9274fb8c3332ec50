"""Activations with first and second derivative, correctly rounded to f64.

Computed with 1,400 decimal digits from the definitions, by second-order jets (f, f', f''), so that the
derivatives keep all their digits where f64 formulas lose them: sigmoid'(50) = 1.93e-22, not 0. Results
below the smallest normal f64 are written as 0.

    identity       x
    step           1 if x >= 0 else 0
    sigmoid        1 / (1 + e^-x)
    hard_sigmoid   min(max(x/6 + 1/2, 0), 1)                       (PyTorch's, which is ONNX's with alpha 1/6)
    tanh           2 sigmoid(2x) - 1
    relu           max(x, 0)
    leaky_relu     x if x > 0 else 0.01 x
    elu            x if x > 0 else e^x - 1
    selu           s (x if x > 0 else a (e^x - 1)), s = 1.0507009873554804934193349852946,
                   a = 1.6732632423543772848170429916717            (Klambauer et al. 2017)
    gelu           x P(x), P the standard normal distribution function (Hendrycks and Gimpel 2016)
    gelu_tanh      x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    silu           x sigmoid(x)
    softplus       ln(1 + e^x)
    mish           x tanh(softplus(x))

At kinks the derivative is PyTorch's: relu'(0) = 0, leaky_relu'(0) = 0.01; elu and selu at 0 belong to the
branch x <= 0 (elu'(0) = elu''(0) = 1); hard_sigmoid' = 0 at -3 and 3. relu'' = step' = 0 everywhere.
"""

import sys
from decimal import Decimal, getcontext

from problem import GRID

getcontext().prec = 1400
getcontext().Emin, getcontext().Emax = -(10**12), 10**12
ONE, TWO = Decimal(1), Decimal(2)


def pi():
    """Machin: pi = 16 atan(1/5) - 4 atan(1/239)."""

    def arctangent(n):
        power = total = ONE / n
        k = 1
        while abs(power) > Decimal(10) ** -1410:
            power /= -(n * n)
            k += 2
            total += power / k
        return total

    return 16 * arctangent(Decimal(5)) - 4 * arctangent(Decimal(239))


PI = pi()


class Jet:
    """f(x) with f'(x) and f''(x)."""

    def __init__(self, f, d=0, dd=0):
        self.f, self.d, self.dd = Decimal(f), Decimal(d), Decimal(dd)

    def __add__(self, other):
        other = other if isinstance(other, Jet) else Jet(other)
        return Jet(self.f + other.f, self.d + other.d, self.dd + other.dd)

    def __mul__(self, other):
        other = other if isinstance(other, Jet) else Jet(other)
        return Jet(
            self.f * other.f,
            self.d * other.f + self.f * other.d,
            self.dd * other.f + 2 * self.d * other.d + self.f * other.dd,
        )

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other):
        return self + -1 * other

    def through(self, f, d, dd):
        """A function with value f and derivatives d, dd at self.f, composed with self (chain rule)."""
        return Jet(f, d * self.d, dd * self.d**2 + d * self.dd)


def exp(x):
    e = x.f.exp()
    return x.through(e, e, e)


def log(x):
    return x.through(x.f.ln(), ONE / x.f, -ONE / x.f**2)


def reciprocal(x):
    r = ONE / x.f
    return x.through(r, -(r**2), 2 * r**3)


def sigmoid(x):
    return reciprocal(1 + exp(-1 * x))


def tanh(x):
    return 2 * sigmoid(2 * x) - 1


def softplus(x):
    return log(1 + exp(x))


def normal(x):
    """P(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3·5) + ...), phi the density; P' = phi, P'' = -x phi."""
    density = (-(x.f**2) / 2).exp() / (2 * PI).sqrt()
    if abs(x.f) > 60:  # e^-1800 and less: 0 or 1 in f64
        value = Decimal(x.f > 0)
    else:
        term = total = x.f
        k = 1
        while abs(term) > Decimal(10) ** -1395:
            k += 2
            term *= x.f**2 / k
            total += term
        value = ONE / 2 + density * total
    return x.through(value, density, -x.f * density)


def piecewise(condition, left, right):
    return lambda x: right(x) if condition(x.f) else left(x)


def scaled_elu(scale, alpha):
    scale, alpha = Decimal(scale), Decimal(alpha)
    return piecewise(lambda x: x > 0, lambda x: scale * alpha * (exp(x) - 1), lambda x: scale * x)


ACTIVATIONS = {
    "identity": lambda x: x,
    "step": lambda x: Jet(x.f >= 0),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: Jet(x.f >= 3) if abs(x.f) >= 3 else x * (ONE / 6) + ONE / 2,
    "tanh": tanh,
    "relu": piecewise(lambda x: x > 0, lambda x: Jet(0), lambda x: x),
    "leaky_relu": piecewise(lambda x: x > 0, lambda x: x * Decimal("0.01"), lambda x: x),
    "elu": scaled_elu("1", "1"),
    "selu": scaled_elu("1.0507009873554804934193349852946", "1.6732632423543772848170429916717"),
    "gelu": lambda x: x * normal(x),
    "gelu_tanh": lambda x: x * (1 + tanh((TWO / PI).sqrt() * (x + Decimal("0.044715") * x * x * x))) * (ONE / 2),
    "silu": lambda x: x * sigmoid(x),
    "softplus": softplus,
    "mish": lambda x: x * tanh(softplus(x)),
}


def rounded(value):
    result = float(value)
    return result if abs(result) >= sys.float_info.min else 0.0


def golden():
    functions = {}
    for name, function in ACTIVATIONS.items():
        # Decimal(float) is exact, so the functions are evaluated at the f64 points themselves.
        jets = [function(Jet(Decimal(x), 1)) for x in GRID]
        functions[name] = {
            "value": [rounded(jet.f) for jet in jets],
            "first": [rounded(jet.d) for jet in jets],
            "second": [rounded(jet.dd) for jet in jets],
        }
    return {"activations": {"x": GRID, "activations": functions}}
