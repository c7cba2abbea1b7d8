// One step of an optimiser, for all parameters of a network in one launch (equations sgd,
// sgd-momentum, adam, adamw, rmsprop, adagrad).
//
// A network has many small parameters, and a launch costs as much as some 10,000 entries. So the
// parameters are cut into chunks, and a block takes one chunk after the other, of whatever
// parameter. Which one follows from a table, which is passed to the kernel by value, as its first
// argument: nothing has to be copied to the GPU before. A kernel's arguments have room for 4 KiB,
// so that a launch takes 64 tensors. No entry depends on another: there is nothing to wait for, and
// nothing that two threads write.

#include "common.cuh"

enum { CHUNK = 4096, TENSORS = 64 };  // as in optimizers.py

struct Table {
    long long sizes[TENSORS];
    Real* arrays[5][TENSORS];  // parameters, gradients, states; null: a state that there is not
    int first_chunk[TENSORS];  // the number of the chunk that the tensor begins with
};

struct Piece {
    long long start, end;  // of the chunk, in its tensor
    Real* arrays[5];       // parameter, gradient, states
};

__device__ inline Piece piece_of(Index chunk, const Table& table, Index tensors) {
    // The last tensor whose first chunk is not beyond this one, found by halving.
    Index low = 0, high = tensors - 1;
    while (low < high) {
        Index middle = (low + high + 1) / 2;
        if (table.first_chunk[middle] <= chunk)
            low = middle;
        else
            high = middle - 1;
    }
    Piece piece;
    piece.start = (long long)(chunk - table.first_chunk[low]) * CHUNK;
    piece.end = min(piece.start + (long long)CHUNK, table.sizes[low]);
    for (int slot = 0; slot < 5; ++slot) piece.arrays[slot] = table.arrays[slot][low];
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
extern "C" __global__ void sgd_update(const __grid_constant__ Table table, Index tensors,
                                      Index chunks, Number lr, Number momentum, Number undamped,
                                      Number decay, Index nesterov, Index maximize) {
    for (Index chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        Piece piece = piece_of(chunk, table, tensors);
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

// 1 − βᵗ, without the loss of digits where βᵗ is close to 1; `log_beta` is ln β.
__device__ inline Number correction_of(Number log_beta, Number step) {
    return -expm1(log_beta * step);
}

// m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − lr · m̂ / (√v̂ + eps).
// The third state is the largest v so far (amsgrad). `shrink` is 1 − lr λ of AdamW, or 1. The
// number of the step is `host_step`, or stands in the GPU's memory where `step` is not null.
extern "C" __global__ void adam_update(const __grid_constant__ Table table, Index tensors,
                                       Index chunks, const float* __restrict__ step,
                                       Number host_step, Number lr, Number beta1, Number rest1,
                                       Number log_beta1, Number beta2, Number rest2,
                                       Number log_beta2, Number eps, Number decay, Number shrink,
                                       Index maximize) {
    Number t = step ? Number(*step) : host_step;
    Number correction1 = correction_of(log_beta1, t);
    Number root_correction2 = sqrt(correction_of(log_beta2, t));
    for (Index chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        Piece piece = piece_of(chunk, table, tensors);
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

// v ← α v + (1 − α) g²,  w ← w − lr · g / (√v + eps). The second state, if there is one, is the
// running mean ḡ of g (centered): √(v − ḡ²) takes the place of √v. The third is the velocity b:
// b ← μ b + g / (√v + eps),  w ← w − lr · b.
extern "C" __global__ void rmsprop_update(const __grid_constant__ Table table, Index tensors,
                                          Index chunks, Number lr, Number alpha, Number rest,
                                          Number eps, Number decay, Number momentum,
                                          Index maximize) {
    for (Index chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        Piece piece = piece_of(chunk, table, tensors);
        Real *w = piece.arrays[0], *square = piece.arrays[2], *mean = piece.arrays[3];
        Real* velocity = piece.arrays[4];
        FOR_EACH_ENTRY(i, piece) {
            Number g = gradient_of(piece.arrays[1][i], w[i], decay, maximize);
            Number v = alpha * Number(square[i]) + rest * g * g;
            square[i] = v;
            if (mean) {
                Number m = alpha * Number(mean[i]) + rest * g;
                mean[i] = m;
                v -= m * m;
            }
            Number step = g / (sqrt(v) + eps);
            if (velocity) {
                step = momentum * Number(velocity[i]) + step;
                velocity[i] = step;
            }
            w[i] = Number(w[i]) - lr * step;
        }
    }
}

// v ← v + g²,  w ← w − lr · g / (√v + eps).
extern "C" __global__ void adagrad_update(const __grid_constant__ Table table, Index tensors,
                                          Index chunks, Number lr, Number eps, Number decay,
                                          Index maximize) {
    for (Index chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
        Piece piece = piece_of(chunk, table, tensors);
        Real *w = piece.arrays[0], *sum = piece.arrays[2];
        FOR_EACH_ENTRY(i, piece) {
            Number g = gradient_of(piece.arrays[1][i], w[i], decay, maximize);
            Number v = Number(sum[i]) + g * g;
            sum[i] = v;
            w[i] = Number(w[i]) - lr * g / (sqrt(v) + eps);
        }
    }
}
