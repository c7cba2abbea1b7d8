// Depthwise convolution: every map has kernels of its own, and there is no sum over the maps.
//
//     Z^f = W^f ⊗ X^c,  c = f / P        (eq. 1.11 with D = 1; P kernels for each map)
//
// As a product of matrices it would be one of a single row for each map: all cost, no reuse. So it
// is computed as it is written, a thread for each entry of the result. x and W are read several
// times, but from the cache.
//
// Shapes: x (N, C, H, W); w (F, 1, kh, kw) with F = C · P; z and delta (N, F, OH, OW).

#include "common.cuh"

extern "C" __global__ void depthwise(const Real* __restrict__ x, const Real* __restrict__ w,
                                     Real* __restrict__ z, Index images, Index channels,
                                     Index height, Index width, Index kh, Index kw,
                                     Index stride_h, Index stride_w, Index padding_h,
                                     Index padding_w, Index dilation_h, Index dilation_w,
                                     Index out_h, Index out_w, Index features) {
    FOR_EACH(entry, images * features * out_h * out_w) {
        Index q = entry % out_w, p = entry / out_w % out_h;
        Index f = entry / (out_w * out_h) % features;
        Index n = entry / (out_w * out_h * features);
        Index c = f / (features / channels);
        Index top = p * stride_h - padding_h, left = q * stride_w - padding_w;
        const Real* map = x + (n * channels + c) * height * width;
        const Real* kernel = w + f * kh * kw;
        Number sum = 0;
        for (Index i = 0; i < kh; ++i) {
            Index h = top + i * dilation_h;
            if (h < 0 || h >= height) continue;
            for (Index j = 0; j < kw; ++j) {
                Index v = left + j * dilation_w;
                if (v < 0 || v >= width) continue;
                sum += Number(kernel[i * kw + j]) * Number(map[h * width + v]);
            }
        }
        z[entry] = sum;
    }
}

// ∂L/∂X^c = Σ over the kernels f of map c of rot180(W^f) ⊗~ δ^f (eq. 1.9), gathered: a thread takes
// one pixel, and looks for the windows that have it under their entry (i, j), as in col2im.
extern "C" __global__ void depthwise_input_gradient(
    const Real* __restrict__ delta, const Real* __restrict__ w, Real* __restrict__ dx,
    Index images, Index channels, Index height, Index width, Index kh, Index kw, Index stride_h,
    Index stride_w, Index padding_h, Index padding_w, Index dilation_h, Index dilation_w,
    Index out_h, Index out_w, Index features) {
    Index kernels = features / channels;  // P
    FOR_EACH(pixel, images * channels * height * width) {
        Index v = pixel % width, h = pixel / width % height;
        Index c = pixel / (width * height) % channels;
        Index n = pixel / (width * height * channels);
        Number sum = 0;
        for (Index f = c * kernels; f < (c + 1) * kernels; ++f) {
            const Real* map = delta + (n * features + f) * out_h * out_w;
            const Real* kernel = w + f * kh * kw;
            for (Index i = 0; i < kh; ++i) {
                Index down = h + padding_h - i * dilation_h;
                if (down < 0 || down % stride_h || down / stride_h >= out_h) continue;
                for (Index j = 0; j < kw; ++j) {
                    Index right = v + padding_w - j * dilation_w;
                    if (right < 0 || right % stride_w || right / stride_w >= out_w) continue;
                    sum += Number(kernel[i * kw + j]) *
                           Number(map[down / stride_h * out_w + right / stride_w]);
                }
            }
        }
        dx[pixel] = sum;
    }
}

// ∂L/∂W^f_ij = Σ over the images and windows of δ^f ⊙ the x under entry (i, j) (eq. 1.12).
//
// One block for each of the F · kh · kw entries: its threads add up every 256th product, and then
// their sums. No block writes where another does, and the order is fixed.
extern "C" __global__ void depthwise_weight_gradient(
    const Real* __restrict__ delta, const Real* __restrict__ x, Real* __restrict__ dw,
    Index images, Index channels, Index height, Index width, Index kh, Index kw, Index stride_h,
    Index stride_w, Index padding_h, Index padding_w, Index dilation_h, Index dilation_w,
    Index out_h, Index out_w, Index features) {
    __shared__ Number shared[BLOCK];
    // The loop over blocks is the same for all threads of one: they come to the barriers together.
    for (Index entry = blockIdx.x; entry < features * kh * kw; entry += gridDim.x) {
        Index j = entry % kw, i = entry / kw % kh, f = entry / (kw * kh);
        Index c = f / (features / channels);
        Index shift_h = i * dilation_h - padding_h, shift_w = j * dilation_w - padding_w;
        Number sum = 0;
        for (Index place = threadIdx.x; place < images * out_h * out_w; place += BLOCK) {
            Index q = place % out_w, p = place / out_w % out_h, n = place / (out_w * out_h);
            Index h = p * stride_h + shift_h, v = q * stride_w + shift_w;
            if (h < 0 || h >= height || v < 0 || v >= width) continue;
            sum += Number(delta[((n * features + f) * out_h + p) * out_w + q]) *
                   Number(x[((n * channels + c) * height + h) * width + v]);
        }
        sum = block_sum(sum, shared);
        if (threadIdx.x == 0) dw[entry] = sum;
    }
}
