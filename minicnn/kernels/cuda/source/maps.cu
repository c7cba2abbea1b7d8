// One number for each map: its mean (equation global-pool), or a factor (the gates of
// squeeze-and-excitation networks).
//
// x (maps, places), maps = N · C; scale (maps). A block takes one map, so that its sum needs no
// other: thread t adds up entry t, t + 256, …, and then the block adds up its threads' sums.

#include "common.cuh"

extern "C" __global__ void map_means(const Real* __restrict__ x, Real* __restrict__ y, Index maps,
                                     Index places) {
    __shared__ double shared[BLOCK];
    for (Index map = blockIdx.x; map < maps; map += gridDim.x) {
        double sum = 0;
        for (Index q = threadIdx.x; q < places; q += BLOCK) sum += Number(x[map * places + q]);
        sum = block_sum(sum, shared);
        if (threadIdx.x == 0) y[map] = Number(sum / places);
    }
}

extern "C" __global__ void scale_maps(const Real* __restrict__ x, const Real* __restrict__ scale,
                                      Real* __restrict__ y, Index maps, Index places) {
    FOR_EACH(i, maps * places) y[i] = Number(x[i]) * Number(scale[i / places]);
}

// ∂L/∂x = δ ⊙ scale; ∂L/∂scale is the sum of δ ⊙ x over the map.
extern "C" __global__ void scale_maps_gradient(const Real* __restrict__ delta,
                                               const Real* __restrict__ x,
                                               const Real* __restrict__ scale,
                                               Real* __restrict__ dx, Real* __restrict__ dscale,
                                               Index maps, Index places) {
    __shared__ double shared[BLOCK];
    for (Index map = blockIdx.x; map < maps; map += gridDim.x) {
        Number factor = scale[map];
        double sum = 0;
        for (Index q = threadIdx.x; q < places; q += BLOCK) {
            Number value = delta[map * places + q];
            dx[map * places + q] = value * factor;
            sum += value * Number(x[map * places + q]);
        }
        sum = block_sum(sum, shared);
        if (threadIdx.x == 0) dscale[map] = Number(sum);
    }
}
