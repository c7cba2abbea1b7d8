// Windows as columns (equation im2col), and their sum back into images.
//
// Convolution looks at x through a window that moves. col(x) writes down what it sees: one column
// for each place of the window, one row for each entry of the kernel. Then convolution is the
// product of two matrices, W · col(x) (eq. 1.11), which GPUs are built for.
//
// Shapes: x (N, C, H, W); the entry of col(x) for image n, channel c, kernel entry (i, j) and
// window (p, q) stands at
//     n · image_step + ((c · kh + i) · kw + j) · row_step + p · OW + q
// so that one kernel makes a matrix for each image, (N, C·kh·kw, OH·OW), or one for all of them,
// (C·kh·kw, N·OH·OW), as the caller chooses the two steps.
//
// What follows goes through memory once and computes almost nothing: its time is that of the
// memory.

#include "common.cuh"

// A thread takes one window of one map: kh · kw entries. Neighbouring threads have neighbouring q,
// so that for each (i, j) they write side by side.
extern "C" __global__ void im2col(const Real* __restrict__ x, Real* __restrict__ columns,
                                  Index images, Index channels, Index height, Index width,
                                  Index kh, Index kw, Index stride_h, Index stride_w,
                                  Index padding_h, Index padding_w, Index dilation_h,
                                  Index dilation_w, Index out_h, Index out_w, Index image_step,
                                  Index row_step) {
    FOR_EACH(window, images * channels * out_h * out_w) {
        Index q = window % out_w, p = window / out_w % out_h;
        Index map = window / (out_w * out_h);  // n · C + c
        Index c = map % channels, n = map / channels;
        Index top = p * stride_h - padding_h, left = q * stride_w - padding_w;
        const Real* from = x + map * height * width;
        Real* to = columns + n * image_step + c * kh * kw * row_step + p * out_w + q;
        for (Index i = 0; i < kh; ++i)
            for (Index j = 0; j < kw; ++j) {
                Index h = top + i * dilation_h, w = left + j * dilation_w;
                bool inside = h >= 0 && h < height && w >= 0 && w < width;
                *to = inside ? from[h * width + w] : Real(0);  // the padding is 0
                to += row_step;
            }
    }
}

// The transpose: every entry is added to the pixel it was copied from (eq. 1.9).
//
// Written the obvious way round, each entry adding itself to its pixel, two threads may add to the
// same pixel at once, and the order of floating-point sums would depend on chance. So a thread
// takes one *pixel* and gathers: for each kernel entry (i, j), the one window that has the pixel
// under that entry, if there is one:
//     p · stride + i · dilation − padding = h
// No two threads write to the same place, and the order of the sum is always the same.
extern "C" __global__ void col2im(const Real* __restrict__ columns, Real* __restrict__ x,
                                  Index images, Index channels, Index height, Index width,
                                  Index kh, Index kw, Index stride_h, Index stride_w,
                                  Index padding_h, Index padding_w, Index dilation_h,
                                  Index dilation_w, Index out_h, Index out_w, Index image_step,
                                  Index row_step) {
    FOR_EACH(pixel, images * channels * height * width) {
        Index w = pixel % width, h = pixel / width % height;
        Index map = pixel / (width * height);
        Index c = map % channels, n = map / channels;
        const Real* from = columns + n * image_step + c * kh * kw * row_step;
        Number sum = 0;
        for (Index i = 0; i < kh; ++i) {
            Index down = h + padding_h - i * dilation_h;  // p · stride
            if (down < 0 || down % stride_h || down / stride_h >= out_h) continue;
            for (Index j = 0; j < kw; ++j) {
                Index right = w + padding_w - j * dilation_w;
                if (right < 0 || right % stride_w || right / stride_w >= out_w) continue;
                sum += from[(i * kw + j) * row_step + down / stride_h * out_w + right / stride_w];
            }
        }
        x[pixel] = sum;
    }
}
