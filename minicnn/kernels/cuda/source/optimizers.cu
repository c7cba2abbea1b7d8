// One step of an optimiser, for all parameters of a network in one launch (equations sgd,
// sgd-momentum, adam, adamw).
//
// A network has many small parameters, and a launch costs as much as some 10,000 entries. So the
// parameters are cut into chunks, and a block takes one chunk after the other, of whatever
// parameter. Which one follows from a table (all 64-bit numbers):
//     size of each tensor (T) · number of its first chunk (T) ·
//     addresses of the parameters (T), the gradients (T), the first state (T), the second (T), …
// An address of 0 is a state that there is not. No entry depends on another: there is nothing to
// wait for, and nothing that two threads write.

#include "common.cuh"

enum { CHUNK = 4096 };  // as in optimizers.py

struct Piece {
    long long start, end;  // of the chunk, in its tensor
    Real* arrays[5];       // parameter, gradient, states
};

__device__ inline Piece piece_of(Index chunk, const long long* table, Index tensors, int slots) {
    const long long *sizes = table, *first_chunk = table + tensors;
    const long long* addresses = first_chunk + tensors;
    // The last tensor whose first chunk is not beyond this one, found by halving.
    Index low = 0, high = tensors - 1;
    while (low < high) {
        Index middle = (low + high + 1) / 2;
        if (first_chunk[middle] <= chunk)
            low = middle;
        else
            high = middle - 1;
    }
    Piece piece;
    piece.start = (chunk - first_chunk[low]) * CHUNK;
    piece.end = min(piece.start + (long long)CHUNK, sizes[low]);
    for (int slot = 0; slot < slots; ++slot)
        piece.arrays[slot] = (Real*)addresses[slot * tensors + low];
    return piece;
}

#define FOR_EACH_ENTRY(i, piece) \
    for (long long i = piece.start + threadIdx.x; i < piece.end; i += blockDim.x)

// ∂L/∂w as the steps begin with it: climbing instead of descending, and with λ w added.
__device__ inline Number gradient_of(Number gradient, Number parameter, Number decay,
                                     Index maximize) {
    Number g = maximize ? -gradient : gradient;
    return decay != 0 ? g + decay * parameter : g;
}

// v ← momentum · v + (1 − dampening) · g,  w ← w − lr · v; with nesterov lr · (g + momentum · v).
extern "C" __global__ void sgd_update(const long long* __restrict__ table, Index tensors,
                                     Index chunks, Number lr, Number momentum, Number undamped,
                                     Number decay, Index nesterov, Index maximize) {
    for (Index chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        Piece piece = piece_of(chunk, table, tensors, 3);
        Real *w = piece.arrays[0], *velocity = piece.arrays[2];
        FOR_EACH_ENTRY(i, piece) {
            Number g = gradient_of(piece.arrays[1][i], w[i], decay, maximize);
            if (velocity) {
                Number v = momentum * Number(velocity[i]) + undamped * g;
                velocity[i] = v;
                g = nesterov ? g + momentum * v : v;
            }
            w[i] = Number(w[i]) - lr * g;
        }
    }
}

// m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − lr · m̂ / (√v̂ + eps).
// The third state is the largest v so far (amsgrad). `shrink` is 1 − lr λ of AdamW, or 1.
extern "C" __global__ void adam_update(const long long* __restrict__ table, Index tensors,
                                      Index chunks, Number lr, Number beta1, Number rest1,
                                      Number beta2, Number rest2, Number eps, Number decay,
                                      Number shrink, Number correction1, Number root_correction2,
                                      Index maximize) {
    for (Index chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        Piece piece = piece_of(chunk, table, tensors, 5);
        Real *w = piece.arrays[0], *mean = piece.arrays[2], *square = piece.arrays[3];
        Real* largest = piece.arrays[4];
        FOR_EACH_ENTRY(i, piece) {
            Number parameter = shrink * Number(w[i]);
            Number g = gradient_of(piece.arrays[1][i], parameter, decay, maximize);
            Number m = beta1 * Number(mean[i]) + rest1 * g;
            Number v = beta2 * Number(square[i]) + rest2 * g * g;
            mean[i] = m;
            square[i] = v;
            if (largest) {
                Number before = largest[i];
                v = before > v || isnan(before) ? before : v;
                largest[i] = v;
            }
            Number root = sqrt(v) / root_correction2;
            w[i] = parameter - lr * (m / correction1) / (root + eps);
        }
    }
}
