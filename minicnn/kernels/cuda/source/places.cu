// The transpose of x.take(places, axis): entry i of δ is added to place places[i].
//
// Gathered instead of scattered: `order` lists the entries of δ sorted by the place they go to, and
// those of place p stand from starts[p] to starts[p + 1]. A thread takes one place and adds up its
// entries, in their order: no two threads write to one place.
//
// Shapes: delta (outer, entries, inner); dx (outer, places, inner); the middle axis is `axis`.

#include "common.cuh"

extern "C" __global__ void add_to_places(const Real* __restrict__ delta,
                                         const long long* __restrict__ order,
                                         const long long* __restrict__ starts,
                                         Real* __restrict__ dx, Index outer, Index entries,
                                         Index places, Index inner) {
    FOR_EACH(i, outer * places * inner) {
        Index q = i % inner, place = i / inner % places, o = i / (inner * places);
        Number sum = 0;
        for (Index k = starts[place]; k < starts[place + 1]; ++k)
            sum += Number(delta[(o * entries + (Index)order[k]) * inner + q]);
        dx[i] = sum;
    }
}
