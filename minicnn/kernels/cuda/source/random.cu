// Random numbers in [0, 1): SplitMix64 (Steele, Lea & Flood 2014, section 4) of a place in the
// stream. Each number depends on its place alone, so that thousands of threads draw at once, and
// any GPU and the CPU draw the same.

#include "common.cuh"

typedef unsigned long long Bits;

// As many bits as the dtype holds: the largest number is the last one before 1.
enum { DIGITS = sizeof(Number) == 8 ? 53 : 24 };

// The stream's place is `start`, or stands in the GPU's memory where `place` is not null: a CUDA
// graph draws other numbers in each replay.
extern "C" __global__ void random_uniform(Real* __restrict__ numbers,
                                          const Bits* __restrict__ place, Bits start,
                                          Index count) {
    Bits first = place ? *place : start;
    FOR_EACH(i, count) {
        Bits z = first + (Bits)i * 0x9E3779B97F4A7C15ull;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        z ^= z >> 31;
        numbers[i] = Number(z >> (64 - DIGITS)) * (Number(1) / (1ull << DIGITS));
    }
}
