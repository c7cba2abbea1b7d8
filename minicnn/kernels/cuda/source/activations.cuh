// The activation functions that other kernels apply on their way (equations relu, relu6, silu,
// hardswish), chosen by a number: ACTIVATIONS in epilogue.py.

enum { NONE = 0, RELU = 1, RELU6 = 2, SILU = 3, HARDSWISH = 4 };

// σ(x) = 1 / (1 + e^(−x)). e^(−|x|) cannot overflow, and e/(1 + e) keeps the small values that
// 1 − 1/(1 + e) loses.
__device__ inline Number logistic_of(Number x) {
    Number e = exp(-abs(x));
    return (x < 0 ? e : Number(1)) / (1 + e);
}

// Comparisons with NaN are false, and NaN must show: so each asks for the values that it changes.
__device__ inline Number activation(int act, Number z) {
    if (act == RELU) return z <= 0 ? Number(0) : z;
    if (act == RELU6) return z <= 0 ? Number(0) : z > 6 ? Number(6) : z;
    if (act == SILU) return z * logistic_of(z);
    if (act == HARDSWISH) {
        Number shifted = z + 3;
        return z * ((shifted < 0 ? Number(0) : shifted > 6 ? Number(6) : shifted) / 6);
    }
    return z;
}

// f'(z) ⊙ δ. Where f' is 0 it is 0, whatever δ is: no product with 0, since an infinite δ must
// vanish, too. For ReLU z may also be f(z), which is ≤ 0 in the same places.
__device__ inline Number activation_gradient(int act, Number delta, Number z) {
    if (act == RELU) return z <= 0 ? Number(0) : delta;
    if (act == RELU6) return z <= 0 || z >= 6 ? Number(0) : delta;
    if (act == SILU) {
        Number s = logistic_of(z);
        return delta * (s * (1 + z * (1 - s)));
    }
    if (act == HARDSWISH) return z <= -3 ? Number(0) : z < 3 ? delta * (z / 3 + Number(0.5)) : delta;
    return delta;
}
