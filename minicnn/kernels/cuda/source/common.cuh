// What all kernels share.
//
// A kernel is a function that thousands of threads run at the same time, each with numbers of its
// own: threadIdx, its place in its block, and blockIdx, its block's place in the grid. Here a
// thread usually computes one entry of the result; which one follows from these two numbers.
//
// Given by the compiler's options (see launching.py):
//   Real    what arrays hold: float, double, or half
//   Number  in what is reckoned: Real, but float for half
//   WIDE    some array is so large that its entries are counted with 64 bits

#ifdef WIDE
typedef long long Index;
#else
typedef int Index;
#endif

#ifdef REAL_IS_HALF
#ifdef CUDA_ON_CPU
typedef _Float16 half;
#else
// 16 bits in memory, a float as soon as it is read. The two instructions are the GPU's own.
struct half {
    unsigned short bits;
    half() = default;
    __device__ half(float value) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value)); }
    __device__ operator float() const {
        float value;
        asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
        return value;
    }
};
#endif
#endif

// The numbers i = my own place, + all threads of the grid, + all threads of the grid …: so a grid
// of any size comes to every i < count (a "grid-stride loop"). Neighbouring threads read
// neighbouring entries, which the memory delivers in one go.
#define FOR_EACH(i, count)                                                \
    for (Index i = blockIdx.x * (Index)blockDim.x + threadIdx.x; i < (count); \
         i += (Index)gridDim.x * blockDim.x)

// THREADS of launching.py: sums over a block are written for blocks of this size.
enum { BLOCK = 256 };

// Σ of the block's values; all its threads must call it, and all receive the sum.
//
// `shared` is memory of the block, for BLOCK numbers. Its upper half is added to its lower half,
// then the upper half of that, and so on: eight steps for 256 numbers, in an order that is always
// the same. A barrier stands between every write and the reads by other threads that follow it,
// and the other way round:
//   first:   whoever still reads the result of an earlier sum has done so;
//   second:  all values are written before any is read;
//   in the loop: a step's sums are written before the next step reads them. Within one step a
//            thread t < half writes entry t and reads entries t and t + half, which nobody writes.
template <typename Value>
__device__ Value block_sum(Value value, Value* shared) {
    int t = threadIdx.x;
    __syncthreads();
    shared[t] = value;
    __syncthreads();
    for (int half_size = BLOCK / 2; half_size > 0; half_size /= 2) {
        if (t < half_size) shared[t] += shared[t + half_size];
        __syncthreads();
    }
    return shared[0];
}
