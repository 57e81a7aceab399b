"""Adam's steps on a chain of Dense layers in plain NumPy, in float32 or float64: how far rounding alone carries them."""
import numpy as np

BETAS = np.float32(0.9), np.float32(0.999)  # Keras's powers are those of float32
EPSILON = np.float32(1e-7)


def activate(z, activation):
    if activation == "relu":
        return np.maximum(z, 0)
    if activation == "sigmoid":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-z))
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def undo(d, y, activation):
    return d * (y > 0) if activation == "relu" else d * y * (1 - y)


def loss_and_gradients(weights, x, labels, activations):
    """weights: kernel, bias of each layer; the last activation is softmax."""
    outputs = [x]
    for i, activation in enumerate(activations):
        outputs.append(activate(outputs[-1] @ weights[2 * i] + weights[2 * i + 1], activation))
    rows = np.arange(len(labels))
    loss = -np.log(outputs[-1][rows, labels]).mean()
    d = outputs[-1].copy()
    d[rows, labels] -= 1
    d /= len(labels)
    gradients = []
    for i in reversed(range(len(activations))):
        gradients = [outputs[i].T @ d, d.sum(0)] + gradients
        if i:
            d = undo(d @ weights[2 * i].T, outputs[i], activations[i - 1])
    return float(loss), gradients


def adam(w, m, v, g, t, lr, dtype):
    one = np.float32(1)
    alpha = np.float32(lr) * np.sqrt(one - BETAS[1] ** np.float32(t)) / (one - BETAS[0] ** np.float32(t))
    m += (g - m) * dtype(one - BETAS[0])
    v += (g * g - v) * dtype(one - BETAS[1])
    w -= m * dtype(alpha) / (np.sqrt(v) + dtype(EPSILON))


def losses(start, x, labels, activations, lr, n_steps, dtype):
    weights = [w.astype(dtype) for w in start]
    moments = [(np.zeros_like(w), np.zeros_like(w)) for w in weights]
    out = []
    for t in range(1, n_steps + 1):
        loss, gradients = loss_and_gradients(weights, x.astype(dtype), labels, activations)
        out.append(loss)
        for w, (m, v), g in zip(weights, moments, gradients):
            adam(w, m, v, g, t, lr, dtype)
    return out
