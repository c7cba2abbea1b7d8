// Softmax, its logarithm (equations softmax, log-softmax), and what the cross-entropy makes of them
// (softmax-ce).
//
// Shapes: x, y, delta (outer, K, inner): K numbers, one for each class, make a row, of which there
// are outer · inner; its entries stand `inner` apart. target (outer, inner), the class of each row.
//
// Of few classes a thread takes a row; of many a block does, and its threads add up their parts.

#include "common.cuh"

// The maximum of the block's values, as `block_sum`. A NaN among them may get lost; it comes back
// with the sum of what is made of it.
__device__ inline Number block_max(Number value, Number* shared) {
    int t = threadIdx.x;
    __syncthreads();
    shared[t] = value;
    __syncthreads();
    for (int half_size = BLOCK / 2; half_size > 0; half_size /= 2) {
        if (t < half_size) shared[t] = max(shared[t], shared[t + half_size]);
        __syncthreads();
    }
    return shared[0];
}

// With a block for each row `shared` is its memory, and this thread has entries threadIdx.x,
// + BLOCK, …; with a thread for each row it is null, and the thread has all of them.
struct Row {
    Index begin, classes, inner;
    Number* shared;
    __device__ Index first() const { return shared ? threadIdx.x : 0; }
    __device__ Index step() const { return shared ? BLOCK : 1; }
    __device__ Index at(Index k) const { return begin + k * inner; }
    __device__ Number sum(Number value) const { return shared ? block_sum(value, shared) : value; }
    __device__ Number largest(Number value) const {
        return shared ? block_max(value, shared) : value;
    }
};

__device__ inline Row row_of(Index row, Index classes, Index inner, Number* shared) {
    return {row / inner * classes * inner + row % inner, classes, inner, shared};
}

__device__ inline void softmax_of(const Row& row, const Real* x, Real* y, Index logarithm) {
    Number most = log(Number(0)), total = 0;  // −∞
    for (Index k = row.first(); k < row.classes; k += row.step())
        most = max(most, Number(x[row.at(k)]));
    most = row.largest(most);
    for (Index k = row.first(); k < row.classes; k += row.step())
        total += exp(Number(x[row.at(k)]) - most);
    total = row.sum(total);
    for (Index k = row.first(); k < row.classes; k += row.step()) {
        Number shifted = Number(x[row.at(k)]) - most;
        y[row.at(k)] = logarithm ? shifted - log(total) : exp(shifted) / total;
    }
}

// ∂L/∂z = y ⊙ (δ − Σ δ y), and δ − e^y Σ δ for the logarithm.
__device__ inline void softmax_gradient_of(const Row& row, const Real* delta, const Real* y,
                                           Real* dx, Index logarithm) {
    Number total = 0;
    for (Index k = row.first(); k < row.classes; k += row.step()) {
        Number d = delta[row.at(k)];
        total += logarithm ? d : d * Number(y[row.at(k)]);
    }
    total = row.sum(total);
    for (Index k = row.first(); k < row.classes; k += row.step()) {
        Number d = delta[row.at(k)], p = y[row.at(k)];
        dx[row.at(k)] = logarithm ? d - exp(p) * total : p * (d - total);
    }
}

extern "C" __global__ void softmax_few(const Real* __restrict__ x, Real* __restrict__ y,
                                       Index logarithm, Index rows, Index classes, Index inner) {
    FOR_EACH(row, rows) softmax_of(row_of(row, classes, inner, nullptr), x, y, logarithm);
}

extern "C" __global__ void softmax_many(const Real* __restrict__ x, Real* __restrict__ y,
                                        Index logarithm, Index rows, Index classes, Index inner) {
    __shared__ Number shared[BLOCK];
    for (Index row = blockIdx.x; row < rows; row += gridDim.x)
        softmax_of(row_of(row, classes, inner, shared), x, y, logarithm);
}

extern "C" __global__ void softmax_gradient_few(const Real* __restrict__ delta,
                                                const Real* __restrict__ y, Real* __restrict__ dx,
                                                Index logarithm, Index rows, Index classes,
                                                Index inner) {
    FOR_EACH(row, rows)
        softmax_gradient_of(row_of(row, classes, inner, nullptr), delta, y, dx, logarithm);
}

extern "C" __global__ void softmax_gradient_many(const Real* __restrict__ delta,
                                                 const Real* __restrict__ y, Real* __restrict__ dx,
                                                 Index logarithm, Index rows, Index classes,
                                                 Index inner) {
    __shared__ Number shared[BLOCK];
    for (Index row = blockIdx.x; row < rows; row += gridDim.x)
        softmax_gradient_of(row_of(row, classes, inner, shared), delta, y, dx, logarithm);
}

// y[n, target_n]. A target out of range takes nothing from memory that is not y's: it is 0 then.
extern "C" __global__ void pick_classes(const Real* __restrict__ y,
                                        const long long* __restrict__ target,
                                        Real* __restrict__ picked, Index rows, Index classes,
                                        Index inner) {
    FOR_EACH(row, rows) {
        long long k = target[row];
        bool there = k >= 0 && k < classes;
        picked[row] = there ? y[row_of(row, classes, inner, nullptr).at(k)] : Real(0);
    }
}

// ∂L/∂z = (p − onehot(target)) · share, p = softmax(z); share (outer, inner) is δ/N of each row.
extern "C" __global__ void cross_entropy_gradient(const Real* __restrict__ probabilities,
                                                  const long long* __restrict__ target,
                                                  const Real* __restrict__ share,
                                                  Real* __restrict__ dz, Index rows, Index classes,
                                                  Index inner) {
    FOR_EACH(i, rows * classes) {
        Index k = i / inner % classes, row = i / (classes * inner) * inner + i % inner;
        Number error = Number(probabilities[i]) - (target[row] == k ? 1 : 0);
        dz[i] = error * Number(share[row]);
    }
}
