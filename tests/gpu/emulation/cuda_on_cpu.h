// CUDA C on the CPU: what a kernel's source needs to be compiled by g++ and run without a GPU.
//
// The threads of a grid run one after the other, block by block. A thread that comes to a barrier
// must stop there until all others of its block have come, so it needs a stack of its own: threads
// run on *fibres*, stacks between which one can switch. A fibre runs one thread after the other
// until one waits at a barrier; then the next fibre goes on with the rest. A kernel without
// barriers uses one fibre.
//
// Stricter than a GPU: all threads of a block must come to the same barrier; shared memory starts
// as 0xFF (a NaN) in every block; threads and blocks can be run in another order, and a kernel
// whose result depends on it has a race.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

// ------------------------------------------------------------------------------ CUDA's own words

#define CUDA_ON_CPU 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __constant__ const
#define __grid_constant__
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static  // where the sanitizer watches both ends of every array
#else
#define __shared__ static __attribute__((section("shared_memory")))
#endif
#define __syncthreads() emulation::barrier(__LINE__)

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

// As CUDA's: of a number and NaN the number.
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
template <class T>
static inline std::enable_if_t<std::is_integral_v<T>, T> min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
static inline std::enable_if_t<std::is_integral_v<T>, T> max(T a, T b) {
    return a < b ? b : a;
}
static inline float rsqrt(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
using std::abs;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::fma;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::log;
using std::pow;
using std::rint;
using std::sqrt;
using std::tanh;

// One thread at a time: nothing can come between reading and writing.
template <class T>
static inline T atomicAdd(T* place, std::common_type_t<T> value) {
    T old = *place;
    *place = old + value;
    return old;
}
template <class T>
static inline T atomicMax(T* place, std::common_type_t<T> value) {
    T old = *place;
    *place = max(old, T(value));
    return old;
}
template <class T>
static inline T atomicMin(T* place, std::common_type_t<T> value) {
    T old = *place;
    *place = min(old, T(value));
    return old;
}
template <class T>
static inline T atomicExch(T* place, std::common_type_t<T> value) {
    T old = *place;
    *place = value;
    return old;
}
template <class T>
static inline T atomicCAS(T* place, std::common_type_t<T> expected, std::common_type_t<T> value) {
    T old = *place;
    if (old == expected) *place = value;
    return old;
}

// ------------------------------------------------------------------------------------ the fibres

extern char __start_shared_memory[] __attribute__((weak, visibility("hidden")));
extern char __stop_shared_memory[] __attribute__((weak, visibility("hidden")));

namespace emulation {

constexpr size_t STACK = 128 * 1024;
constexpr unsigned LARGEST_BLOCK = 1024;

struct Fibre {
    ucontext_t context;
    void* stack;
    void* fake_stack;  // the sanitizer's
    unsigned thread;
    int line;  // of the barrier it waits at; 0: it does not wait
};

static ucontext_t scheduler;
static void* scheduler_fake_stack;
static const void* scheduler_stack;
static size_t scheduler_stack_size;
static Fibre* idle[LARGEST_BLOCK];
static Fibre* waiting[LARGEST_BLOCK];
static unsigned idle_count, waiting_count;
static Fibre* current;

static void (*body)(void*);
static void* body_arguments;
static unsigned order_of_threads[LARGEST_BLOCK];
static unsigned threads, started, finished;
static char* dynamic_shared_memory;

static inline void place(unsigned thread) {
    threadIdx.x = thread % blockDim.x;
    threadIdx.y = thread / blockDim.x % blockDim.y;
    threadIdx.z = thread / (blockDim.x * blockDim.y);
}

static inline void to_scheduler() {
    Fibre* self = current;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&self->fake_stack, scheduler_stack, scheduler_stack_size);
#endif
    swapcontext(&self->context, &scheduler);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(self->fake_stack, &scheduler_stack, &scheduler_stack_size);
#endif
}

static inline void resume(Fibre* fibre) {
    current = fibre;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&scheduler_fake_stack, fibre->stack, STACK);
#endif
    swapcontext(&scheduler, &fibre->context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

static inline void barrier(int line) {
    current->line = line;
    to_scheduler();
    place(current->thread);
}

static void run_threads() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_size);
#endif
    for (;;) {
        while (started < threads) {
            current->thread = order_of_threads[started++];
            place(current->thread);
            body(body_arguments);
            ++finished;
        }
        to_scheduler();
        // Here again: either with new threads to start, or never.
    }
}

static inline Fibre* idle_fibre() {
    if (idle_count) return idle[--idle_count];
    Fibre* fibre = static_cast<Fibre*>(calloc(1, sizeof(Fibre)));
    fibre->stack = malloc(STACK);
    getcontext(&fibre->context);
    fibre->context.uc_stack.ss_sp = fibre->stack;
    fibre->context.uc_stack.ss_size = STACK;
    makecontext(&fibre->context, run_threads, 0);
    return fibre;
}

static inline void run(Fibre* fibre) {
    fibre->line = 0;
    resume(fibre);
    if (fibre->line)
        waiting[waiting_count++] = fibre;
    else
        idle[idle_count++] = fibre;
}

// One block; false, with the reason in `message`, where its barriers do not fit together.
static inline bool run_block(char* message, size_t message_size) {
    started = finished = waiting_count = 0;
    while (started < threads) run(idle_fibre());
    // A fibre that came back from a barrier goes on with its own thread; all have started.
    while (waiting_count) {
        int line = waiting[0]->line;
        for (unsigned i = 0; i < waiting_count; ++i)
            if (finished || waiting[i]->line != line) {
                snprintf(message, message_size,
                         "block (%u, %u, %u): of its %u threads %u ended and %u wait at "
                         "__syncthreads, in lines %d and %d; all must come to the same one",
                         blockIdx.x, blockIdx.y, blockIdx.z, threads, finished, waiting_count,
                         line, waiting[i]->line);
                waiting_count = 0;  // these fibres are never run again
                return false;
            }
        Fibre* released[LARGEST_BLOCK];
        unsigned count = waiting_count;
        memcpy(released, waiting, count * sizeof(Fibre*));
        waiting_count = 0;
        for (unsigned i = 0; i < count; ++i) run(released[i]);
    }
    return true;
}

enum Order { FORWARD, BACKWARD, SHUFFLED };

static inline void arrange(int order, unsigned block) {
    for (unsigned i = 0; i < threads; ++i)
        order_of_threads[i] = order == BACKWARD ? threads - 1 - i : i;
    if (order != SHUFFLED) return;
    uint64_t state = 0x9E3779B97F4A7C15u * (block + 1);
    for (unsigned i = threads; i > 1; --i) {  // Fisher and Yates, with a xorshift generator
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        std::swap(order_of_threads[i - 1], order_of_threads[state % i]);
    }
}

static inline int launch(const unsigned* grid, const unsigned* block, size_t dynamic_bytes,
                         int order, char* message, size_t message_size) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    threads = block[0] * block[1] * block[2];
    size_t blocks = size_t(grid[0]) * grid[1] * grid[2];
    bool good = true;
    for (size_t b = 0; b < blocks && good; ++b) {
        size_t which = order == FORWARD ? b : blocks - 1 - b;
        blockIdx = {unsigned(which % grid[0]), unsigned(which / grid[0] % grid[1]),
                    unsigned(which / (size_t(grid[0]) * grid[1]))};
        if (__start_shared_memory)
            memset(__start_shared_memory, 0xFF, __stop_shared_memory - __start_shared_memory);
        dynamic_shared_memory = static_cast<char*>(malloc(dynamic_bytes));
        if (dynamic_bytes) memset(dynamic_shared_memory, 0xFF, dynamic_bytes);
        arrange(order, unsigned(which));
        good = run_block(message, message_size);
        free(dynamic_shared_memory);
    }
    return good ? 0 : 1;
}

// --------------------------------------------------------------- a kernel's parameters, for Python

template <class T>
static inline int describe(char* text, size_t size) {
    using Value = std::remove_cv_t<std::remove_pointer_t<T>>;
    const char* pointer = "";
    if (std::is_pointer_v<T>)
        pointer = std::is_const_v<std::remove_pointer_t<T>> ? "const*" : "*";
    char kind = std::is_class_v<Value>         ? 'V'  // a structure, passed by value
                : std::is_same_v<Value, bool>  ? 'b'
                : std::is_unsigned_v<Value>    ? 'u'
                : std::is_integral_v<Value>    ? 'i'
                                               : 'f';
    return snprintf(text, size, "%s%c%zu ", pointer, kind, sizeof(Value));
}

template <class... T>
static inline void describe_all(void (*)(T...), char* text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    ((used += describe<T>(text + used, size - used)), ...);
}

template <class... T, size_t... I>
static inline void call(void (*kernel)(T...), void** values, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<T>*>(values[I])...);
}

template <class... T>
static inline void call(void (*kernel)(T...), void** values) {
    call(kernel, values, std::index_sequence_for<T...>());
}

}  // namespace emulation

// What Python calls for the kernel `name`.
#define EMULATED(name)                                                                          \
    extern "C" void describe_##name(char* text, size_t size) {                                  \
        emulation::describe_all(name, text, size);                                              \
    }                                                                                           \
    extern "C" int launch_##name(const unsigned* grid, const unsigned* block, void** values,    \
                                 size_t dynamic_bytes, int order, char* message, size_t size) { \
        emulation::body = [](void* all) { emulation::call(name, static_cast<void**>(all)); };   \
        emulation::body_arguments = values;                                                     \
        return emulation::launch(grid, block, dynamic_bytes, order, message, size);             \
    }
