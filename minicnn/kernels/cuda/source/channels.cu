// Batch normalisation (equations bn and bn-backward), a shortcut and an activation.
//
//     y = f(z),  z = (x − μ) · a + β + r,  a = γ/√(σ² + ε)
//     δz = f'(z) ⊙ δ,  ∂L/∂r = δz,  ∂L/∂β = Σ δz,  ∂L/∂γ = Σ δz ⊙ x̂
//     ∂L/∂x = a (δz − mean(δz) − x̂ mean(δz ⊙ x̂)),  x̂ = (x − μ)/√(σ² + ε)
//
// Shapes: x (N, C, L), L = H · W; γ, β, μ, σ² (C). A channel has N · L values.
//
// Two kinds of kernels. Sums over a channel: `slices` blocks share it, each adds up its part in
// float64 (a channel may hold millions of values). One block alone finishes at once; several write
// their parts down, and a kernel with a thread for each channel adds these up, in their order. No
// atomic operations: the bits are the same each time. And element by element: a thread an entry.

#include "common.cuh"
#include "activations.cuh"

// The v-th value of channel c, as an index into x.
__device__ inline Index value_of(Index v, Index c, Index channels, Index length) {
    return (v / length * channels + c) * length + v % length;
}

// -------------------------------------------------------------------------------- mean, variance

// Distances are taken from some value of the channel: E[d²] − E[d]² then loses no digits, however
// far the channel lies from 0. Of an infinite one all would be NaN, so 0 takes its place.
__device__ inline Number pivot_of(const Real* x, Index c, Index count, Index length) {
    Number first = count ? Number(x[c * length]) : Number(0);
    return isfinite(first) ? first : Number(0);
}

__device__ inline void write_moments(double sum, double squares, Number pivot, Index count,
                                     Real* mean, Real* var) {
    double distance = count ? sum / count : 0;
    double variance = count ? squares / count - distance * distance : 0;
    *mean = Number(pivot + distance);
    *var = Number(variance < 0 ? 0 : variance);  // NaN stays
}

// Grid (C, slices). parts (C, slices, 2), used where there are several slices.
extern "C" __global__ void moments(const Real* __restrict__ x, double* __restrict__ parts,
                                   Real* __restrict__ mean, Real* __restrict__ var, Index images,
                                   Index channels, Index length) {
    __shared__ double shared[BLOCK];
    Index c = blockIdx.x, slice = blockIdx.y, slices = gridDim.y, count = images * length;
    Number pivot = pivot_of(x, c, count, length);
    double sum = 0, squares = 0;
    for (Index v = slice * BLOCK + threadIdx.x; v < count; v += slices * BLOCK) {
        double d = Number(x[value_of(v, c, channels, length)]) - pivot;
        sum += d;
        squares += d * d;
    }
    sum = block_sum(sum, shared);
    squares = block_sum(squares, shared);
    if (threadIdx.x > 0) return;
    if (slices == 1) {
        write_moments(sum, squares, pivot, count, mean + c, var + c);
    } else {
        parts[2 * (c * slices + slice)] = sum;
        parts[2 * (c * slices + slice) + 1] = squares;
    }
}

extern "C" __global__ void moments_of_parts(const Real* __restrict__ x,
                                            const double* __restrict__ parts,
                                            Real* __restrict__ mean, Real* __restrict__ var,
                                            Index images, Index channels, Index length,
                                            Index slices) {
    FOR_EACH(c, channels) {
        double sum = 0, squares = 0;
        for (Index slice = 0; slice < slices; ++slice) {
            sum += parts[2 * (c * slices + slice)];
            squares += parts[2 * (c * slices + slice) + 1];
        }
        Index count = images * length;
        write_moments(sum, squares, pivot_of(x, c, count, length), count, mean + c, var + c);
    }
}

// ------------------------------------------------------------------------------ batch norm alone

extern "C" __global__ void normalize(const Real* __restrict__ x, const Real* __restrict__ mean,
                                     const Real* __restrict__ inverse_std,
                                     const Real* __restrict__ gamma, const Real* __restrict__ beta,
                                     Real* __restrict__ normalized, Real* __restrict__ y,
                                     Index images, Index channels, Index length) {
    FOR_EACH(i, images * channels * length) {
        Index c = i / length % channels;
        Number value = (Number(x[i]) - Number(mean[c])) * Number(inverse_std[c]);
        normalized[i] = value;
        y[i] = Number(gamma[c]) * value + Number(beta[c]);
    }
}

extern "C" __global__ void channel_gradient(const Real* __restrict__ delta,
                                            const Real* __restrict__ normalized,
                                            const Real* __restrict__ scale,
                                            const Real* __restrict__ mean_delta,
                                            const Real* __restrict__ mean_both,
                                            Real* __restrict__ dx, Index images, Index channels,
                                            Index length) {
    FOR_EACH(i, images * channels * length) {
        Index c = i / length % channels;
        Number inner = Number(delta[i]) - Number(mean_delta[c]) -
                       Number(normalized[i]) * Number(mean_both[c]);
        dx[i] = Number(scale[c]) * inner;
    }
}

// Σ δ and Σ δ ⊙ x̂, as `moments`: grid (C, slices).
extern "C" __global__ void channel_sums(const Real* __restrict__ delta,
                                        const Real* __restrict__ normalized,
                                        double* __restrict__ parts, Real* __restrict__ sums,
                                        Real* __restrict__ products, Index images, Index channels,
                                        Index length) {
    __shared__ double shared[BLOCK];
    Index c = blockIdx.x, slice = blockIdx.y, slices = gridDim.y;
    double sum = 0, product = 0;
    for (Index v = slice * BLOCK + threadIdx.x; v < images * length; v += slices * BLOCK) {
        Index i = value_of(v, c, channels, length);
        double d = Number(delta[i]);
        sum += d;
        product += d * Number(normalized[i]);
    }
    sum = block_sum(sum, shared);
    product = block_sum(product, shared);
    if (threadIdx.x > 0) return;
    if (slices == 1) {
        sums[c] = Number(sum);
        products[c] = Number(product);
    } else {
        parts[2 * (c * slices + slice)] = sum;
        parts[2 * (c * slices + slice) + 1] = product;
    }
}

extern "C" __global__ void channel_sums_of_parts(const double* __restrict__ parts,
                                                 Real* __restrict__ sums,
                                                 Real* __restrict__ products, Index channels,
                                                 Index slices) {
    FOR_EACH(c, channels) {
        double sum = 0, product = 0;
        for (Index slice = 0; slice < slices; ++slice) {
            sum += parts[2 * (c * slices + slice)];
            product += parts[2 * (c * slices + slice) + 1];
        }
        sums[c] = Number(sum);
        products[c] = Number(product);
    }
}

// ------------------------------------------------------- batch norm, a shortcut and an activation

// What a channel's values are normalised with. Forward and backward compute z from it in the very
// same way, so that they are on the same side of every kink: hence the explicit fma, which the
// compiler would otherwise use in one kernel and perhaps not in another.
struct Channel {
    Number mean, a, beta;
    __device__ Number z(Number x) const { return fma(x - mean, a, beta); }
};

__device__ inline Channel channel_of(Index c, const Real* mean, const Real* var, const Real* gamma,
                                     const Real* beta, Number eps) {
    Number spread = sqrt(Number(var[c]) + eps);
    return {Number(mean[c]), Number(gamma[c]) / spread, Number(beta[c])};
}

extern "C" __global__ void norm_act(const Real* __restrict__ x, const Real* __restrict__ gamma,
                                    const Real* __restrict__ beta, const Real* __restrict__ mean,
                                    const Real* __restrict__ var,
                                    const Real* __restrict__ residual, Real* __restrict__ y,
                                    Number eps, Index act, Index images, Index channels,
                                    Index length) {
    FOR_EACH(i, images * channels * length) {
        Number z = channel_of(i / length % channels, mean, var, gamma, beta, eps).z(x[i]);
        if (residual) z += Number(residual[i]);
        y[i] = activation(act, z);
    }
}

// δz of entry i. With a shortcut z is not x's alone: then `y` is what ReLU's slope is read from.
__device__ inline Number delta_z(Index i, const Channel& channel, const Real* delta, const Real* x,
                                 const Real* y, Index act) {
    return activation_gradient(act, delta[i], y ? Number(y[i]) : channel.z(x[i]));
}

// From Σ δz and Σ δz ⊙ (x − μ): ∂L/∂β, ∂L/∂γ, and what `norm_act_gradient` subtracts: `first` =
// mean(δz) and `second` = mean(δz ⊙ x̂)/√(σ² + ε), both 0 where μ and σ² are given constants.
__device__ inline void write_norm_sums(Index c, double sum, double product, double variance,
                                       Index count, Index given, Real* dbeta, Real* dgamma,
                                       Number* first, Number* second) {
    double inverse = 1 / sqrt(variance), share = given ? 0 : 1.0 / count;
    dbeta[c] = Number(sum);
    dgamma[c] = Number(product * inverse);
    first[c] = sum * share;
    second[c] = product * inverse * inverse * share;
}

// Grid (C, slices), as `moments`.
extern "C" __global__ void norm_act_sums(const Real* __restrict__ delta,
                                         const Real* __restrict__ x, const Real* __restrict__ y,
                                         const Real* __restrict__ gamma,
                                         const Real* __restrict__ beta,
                                         const Real* __restrict__ mean,
                                         const Real* __restrict__ var, double* __restrict__ parts,
                                         Real* __restrict__ dbeta, Real* __restrict__ dgamma,
                                         Number* __restrict__ first, Number* __restrict__ second,
                                         Number eps, Index act, Index given, Index images,
                                         Index channels, Index length) {
    __shared__ double shared[BLOCK];
    Index c = blockIdx.x, slice = blockIdx.y, slices = gridDim.y, count = images * length;
    Channel channel = channel_of(c, mean, var, gamma, beta, eps);
    double sum = 0, product = 0;
    for (Index v = slice * BLOCK + threadIdx.x; v < count; v += slices * BLOCK) {
        Index i = value_of(v, c, channels, length);
        double d = delta_z(i, channel, delta, x, y, act);
        sum += d;
        product += d * (Number(x[i]) - channel.mean);
    }
    sum = block_sum(sum, shared);
    product = block_sum(product, shared);
    if (threadIdx.x > 0) return;
    if (slices == 1) {
        double variance = Number(var[c]) + eps;
        write_norm_sums(c, sum, product, variance, count, given, dbeta, dgamma, first, second);
    } else {
        parts[2 * (c * slices + slice)] = sum;
        parts[2 * (c * slices + slice) + 1] = product;
    }
}

extern "C" __global__ void norm_act_sums_of_parts(
    const double* __restrict__ parts, const Real* __restrict__ var, Real* __restrict__ dbeta,
    Real* __restrict__ dgamma, Number* __restrict__ first, Number* __restrict__ second, Number eps,
    Index given, Index count, Index channels, Index slices) {
    FOR_EACH(c, channels) {
        double sum = 0, product = 0;
        for (Index slice = 0; slice < slices; ++slice) {
            sum += parts[2 * (c * slices + slice)];
            product += parts[2 * (c * slices + slice) + 1];
        }
        double variance = Number(var[c]) + eps;
        write_norm_sums(c, sum, product, variance, count, given, dbeta, dgamma, first, second);
    }
}

// ∂L/∂x, and δz for the shortcut where `dz` is not null.
extern "C" __global__ void norm_act_gradient(
    const Real* __restrict__ delta, const Real* __restrict__ x, const Real* __restrict__ y,
    const Real* __restrict__ gamma, const Real* __restrict__ beta, const Real* __restrict__ mean,
    const Real* __restrict__ var, const Number* __restrict__ first,
    const Number* __restrict__ second, Real* __restrict__ dx, Real* __restrict__ dz, Number eps,
    Index act, Index images, Index channels, Index length) {
    FOR_EACH(i, images * channels * length) {
        Index c = i / length % channels;
        Channel channel = channel_of(c, mean, var, gamma, beta, eps);
        Number d = delta_z(i, channel, delta, x, y, act);
        dx[i] = channel.a * (d - first[c] - (Number(x[i]) - channel.mean) * second[c]);
        if (dz) dz[i] = d;
    }
}
