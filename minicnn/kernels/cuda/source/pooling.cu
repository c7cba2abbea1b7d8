// Pooling (equations max-pool, mean-pool) and its backward, the up-sampling up(δ) of eq. 1.17.
//
// Shapes: x (maps, H, W), maps = N · C; y, delta (maps, OH, OW). The entry (i, j) of window (p, q)
// lies over the pixel (p · stride + i · dilation − padding, …), which may be outside.

#include "common.cuh"

// The maximum so far and where it was. The first of equal ones stays; NaN is greater than
// everything, so that it shows, and of several the last stays.
struct Best {
    Number value;
    Index place;
    __device__ void see(Number candidate, Index where) {
        if (place < 0 || candidate > value || isnan(candidate)) {
            value = candidate;
            place = where;
        }
    }
};

// A thread takes one window.
extern "C" __global__ void max_pool2d(const Real* __restrict__ x, Real* __restrict__ y,
                                      long long* __restrict__ argmax, Index maps, Index height,
                                      Index width, Index kh, Index kw, Index stride_h,
                                      Index stride_w, Index padding_h, Index padding_w,
                                      Index dilation_h, Index dilation_w, Index out_h,
                                      Index out_w) {
    FOR_EACH(window, maps * out_h * out_w) {
        Index q = window % out_w, p = window / out_w % out_h;
        Index top = p * stride_h - padding_h, left = q * stride_w - padding_w;
        const Real* map = x + window / (out_w * out_h) * height * width;
        Best best = {log(Number(0)), -1};  // −∞
        for (Index i = 0; i < kh; ++i) {
            Index h = top + i * dilation_h;
            if (h < 0 || h >= height) continue;
            for (Index j = 0; j < kw; ++j) {
                Index w = left + j * dilation_w;
                if (w < 0 || w >= width) continue;
                best.see(map[h * width + w], h * width + w);
            }
        }
        y[window] = best.value;
        argmax[window] = best.place;
    }
}

// up(δ): every δ goes to the place of its window's maximum. Windows overlap, so that several may go
// to one pixel, and which ones is not known beforehand.
//
// One block takes one map and nobody else writes to it. It goes through the windows in rounds, a
// window for each thread. Of all threads of a round that mean the same pixel, the first adds up
// what they bring, in their order, and writes it: no two threads write to one pixel, and the sum
// does not depend on chance. The barriers:
//   at a round's start:  the zeros are written, and all have read what the last round shared;
//   after sharing:       everybody's place and δ are there before they are read. What the round
//                        then writes to dx is read by others only after the next round's start.
extern "C" __global__ void max_pool2d_gradient(const Real* __restrict__ delta,
                                               const long long* __restrict__ argmax,
                                               Real* __restrict__ dx, Index maps, Index windows,
                                               Index pixels) {
    __shared__ Index place_of[BLOCK];
    __shared__ Number delta_of[BLOCK];
    int t = threadIdx.x, threads = blockDim.x;
    for (Index map = blockIdx.x; map < maps; map += gridDim.x) {
        Real* sums = dx + map * pixels;
        for (Index pixel = t; pixel < pixels; pixel += threads) sums[pixel] = Real(0);
        for (Index first = 0; first < windows; first += threads) {
            Index window = map * windows + first + t;
            bool mine = first + t < windows;
            __syncthreads();
            place_of[t] = mine ? Index(argmax[window]) : -1;
            delta_of[t] = mine ? Number(delta[window]) : Number(0);
            __syncthreads();
            Index place = place_of[t];
            bool writes = place >= 0;
            for (int s = 0; s < t && writes; ++s) writes = place_of[s] != place;
            if (!writes) continue;  // to the next round, whose barriers await all threads
            Number sum = sums[place];
            for (int s = t; s < threads; ++s)
                if (place_of[s] == place) sum += delta_of[s];
            sums[place] = sum;
        }
    }
}

// The sum of a window over its divisor (OH, OW): how many entries count is decided elsewhere.
extern "C" __global__ void avg_pool2d(const Real* __restrict__ x,
                                      const Real* __restrict__ divisors, Real* __restrict__ y,
                                      Index maps, Index height, Index width, Index kh, Index kw,
                                      Index stride_h, Index stride_w, Index padding_h,
                                      Index padding_w, Index out_h, Index out_w) {
    FOR_EACH(window, maps * out_h * out_w) {
        Index q = window % out_w, p = window / out_w % out_h;
        Index top = p * stride_h - padding_h, left = q * stride_w - padding_w;
        Index bottom = min(top + kh, height), right = min(left + kw, width);
        const Real* map = x + window / (out_w * out_h) * height * width;
        Number sum = 0;
        for (Index h = max(top, Index(0)); h < bottom; ++h)
            for (Index w = max(left, Index(0)); w < right; ++w) sum += map[h * width + w];
        y[window] = sum / divisors[p * out_w + q];
    }
}

// up(δ): a thread takes one pixel and gathers from the windows that hold it, p of which satisfy
//     p · stride − padding ≤ h < p · stride − padding + kh
extern "C" __global__ void avg_pool2d_gradient(const Real* __restrict__ delta,
                                               const Real* __restrict__ divisors,
                                               Real* __restrict__ dx, Index maps, Index height,
                                               Index width, Index kh, Index kw, Index stride_h,
                                               Index stride_w, Index padding_h, Index padding_w,
                                               Index out_h, Index out_w) {
    FOR_EACH(pixel, maps * height * width) {
        Index w = pixel % width + padding_w, h = pixel / width % height + padding_h;
        const Real* map = delta + pixel / (width * height) * out_h * out_w;
        Index top = h < kh ? 0 : (h - kh) / stride_h + 1, bottom = min(h / stride_h + 1, out_h);
        Index left = w < kw ? 0 : (w - kw) / stride_w + 1, right = min(w / stride_w + 1, out_w);
        Number sum = 0;
        for (Index p = top; p < bottom; ++p)
            for (Index q = left; q < right; ++q)
                sum += Number(map[p * out_w + q]) / Number(divisors[p * out_w + q]);
        dx[pixel] = sum;
    }
}
