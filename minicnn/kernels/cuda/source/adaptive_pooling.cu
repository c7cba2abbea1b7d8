// Adaptive pooling (equation adaptive-pool): `out` windows that cover all n entries of an axis.
//
// Window i runs from ⌊i n / out⌋ to ⌈(i + 1) n / out⌉; where out does not divide n they overlap.
// Shapes: x (maps, H, W); y, delta (maps, OH, OW).

#include "common.cuh"

// Products of two sizes may need 64 bits where every index fits in 32.
__device__ inline Index window_start(Index i, Index n, Index out) {
    return (long long)i * n / out;
}

__device__ inline Index window_end(Index i, Index n, Index out) {
    return ((i + 1ll) * n + out - 1) / out;
}

// The first and last window that hold entry h: start(i) ≤ h and h < end(i), solved for i.
__device__ inline Index first_window(Index h, Index n, Index out) {
    return (long long)h * out / n;
}

__device__ inline Index last_window(Index h, Index n, Index out) {
    return ((h + 1ll) * out - 1) / n;
}

// A thread takes one window. Ties and NaN as in max_pool2d: the first maximum, the last NaN.
extern "C" __global__ void adaptive_max_pool2d(const Real* __restrict__ x, Real* __restrict__ y,
                                               long long* __restrict__ argmax, Index maps,
                                               Index height, Index width, Index out_h,
                                               Index out_w) {
    FOR_EACH(window, maps * out_h * out_w) {
        Index q = window % out_w, p = window / out_w % out_h;
        const Real* map = x + window / (out_w * out_h) * height * width;
        Index left = window_start(q, width, out_w), right = window_end(q, width, out_w);
        Index top = window_start(p, height, out_h), bottom = window_end(p, height, out_h);
        Index place = top * width + left;
        Number best = map[place];
        for (Index h = top; h < bottom; ++h)
            for (Index w = left; w < right; ++w) {
                Number value = map[h * width + w];
                if (value > best || isnan(value)) {
                    best = value;
                    place = h * width + w;
                }
            }
        y[window] = best;
        argmax[window] = place;
    }
}

extern "C" __global__ void adaptive_avg_pool2d(const Real* __restrict__ x, Real* __restrict__ y,
                                               Index maps, Index height, Index width, Index out_h,
                                               Index out_w) {
    FOR_EACH(window, maps * out_h * out_w) {
        Index q = window % out_w, p = window / out_w % out_h;
        const Real* map = x + window / (out_w * out_h) * height * width;
        Index left = window_start(q, width, out_w), right = window_end(q, width, out_w);
        Index top = window_start(p, height, out_h), bottom = window_end(p, height, out_h);
        Number sum = 0;
        for (Index h = top; h < bottom; ++h)
            for (Index w = left; w < right; ++w) sum += map[h * width + w];
        y[window] = sum / ((bottom - top) * (right - left));
    }
}

// up(δ) of eq. 1.17, gathered: a thread takes one pixel and the windows that hold it.
extern "C" __global__ void adaptive_avg_pool2d_gradient(const Real* __restrict__ delta,
                                                        Real* __restrict__ dx, Index maps,
                                                        Index height, Index width, Index out_h,
                                                        Index out_w) {
    FOR_EACH(pixel, maps * height * width) {
        Index w = pixel % width, h = pixel / width % height;
        const Real* map = delta + pixel / (width * height) * out_h * out_w;
        Number sum = 0;
        for (Index p = first_window(h, height, out_h); p <= last_window(h, height, out_h); ++p) {
            Index rows = window_end(p, height, out_h) - window_start(p, height, out_h);
            for (Index q = first_window(w, width, out_w); q <= last_window(w, width, out_w); ++q) {
                Index columns = window_end(q, width, out_w) - window_start(q, width, out_w);
                sum += Number(map[p * out_w + q]) / (rows * columns);
            }
        }
        dx[pixel] = sum;
    }
}
