// What follows a convolution, in one go through memory: z ← f((z + b − μ) · a + β + r).
//
// b is the bias (eq. 1.11); μ, a = γ/√(σ² + ε) and β are batch normalisation with constants
// (equation bn); r is a shortcut; f an activation. Each is left out where its pointer is null.
//
// z (maps, places), maps = N · F; b, μ, a and β (F), one number for each map of an image.

#include "common.cuh"
#include "activations.cuh"

extern "C" __global__ void epilogue(Real* __restrict__ z, const Real* __restrict__ bias,
                                    const Real* __restrict__ mean, const Real* __restrict__ scale,
                                    const Real* __restrict__ shift,
                                    const Real* __restrict__ residual, Index maps, Index features,
                                    Index places, Index act) {
    FOR_EACH(i, maps * places) {
        Index f = i / places % features;
        Number value = z[i];
        if (bias) value += bias[f];
        if (mean) value = (value - mean[f]) * scale[f] + shift[f];
        if (residual) value += residual[i];
        z[i] = activation(act, value);
    }
}
