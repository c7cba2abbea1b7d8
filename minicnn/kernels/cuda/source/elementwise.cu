// Activation functions and their slopes, element by element: a thread an entry.
//
// Each reads one or two arrays and writes one, which takes as long as the memory does: the
// arithmetic is free. A gradient is f'(x) ⊙ δ, and 0 where f' is, whatever δ is.

#include "common.cuh"
#include "activations.cuh"

extern "C" __global__ void logistic(const Real* x, Real* y, Index count) {
    FOR_EACH(i, count) y[i] = logistic_of(x[i]);
}

extern "C" __global__ void logistic_gradient(const Real* delta, const Real* y, Real* dx,
                                             Index count) {
    FOR_EACH(i, count) {
        Number s = y[i];
        dx[i] = Number(delta[i]) * (s * (1 - s));
    }
}

// x and y may be the same array: entry i is read before it is written, by the same thread.
extern "C" __global__ void activate(const Real* x, Real* y, Index act, Index count) {
    FOR_EACH(i, count) y[i] = activation(act, x[i]);
}

// `saved` is x, or f(x) for ReLU, whose slope follows from both.
extern "C" __global__ void activate_gradient(const Real* delta, const Real* saved, Real* dx,
                                             Index act, Index count) {
    FOR_EACH(i, count) dx[i] = activation_gradient(act, delta[i], saved[i]);
}

extern "C" __global__ void hardsigmoid(const Real* x, Real* y, Index count) {
    FOR_EACH(i, count) {
        Number shifted = Number(x[i]) + 3;
        y[i] = (shifted < 0 ? Number(0) : shifted > 6 ? Number(6) : shifted) / 6;
    }
}

extern "C" __global__ void hardsigmoid_gradient(const Real* delta, const Real* x, Real* dx,
                                                Index count) {
    FOR_EACH(i, count) {
        Number v = x[i];
        dx[i] = v > -3 && v < 3 ? Number(delta[i]) / 6 : Number(0);
    }
}

// Φ(x) = erfc(−x/√2) / 2 (equation gelu); erfc, unlike 1 + erf, keeps the left tail.
extern "C" __global__ void normal_cdf(const Real* x, Real* y, Index count) {
    FOR_EACH(i, count) y[i] = erfc(-Number(x[i]) * Number(0.70710678118654752440)) / 2;
}
