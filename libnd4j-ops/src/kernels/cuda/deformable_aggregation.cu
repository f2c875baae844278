// Deformable aggregation, forward and backward, as the definition in
// ../sampling/aggregation_taps.h reads.
//
// One thread an output, or a sample for the gradients of location and weight. Neighbouring threads
// have neighbouring channels: they read the same samples. For the values' gradient
//
//   reference    one thread a plane, which it walks through sample by sample, so that no two
//                threads add to one element
//   gathered     one thread an element, which gathers from the lists of the four cells around its
//                pixel (cell_lists.h), made level by level for a few images
//
// Gathered, a thread has as many outputs or elements as 16 bytes hold, where they lie side by side:
// the threads of a sample, which each plan it, are few.
//
// What bounds it: planning samples; backward, the lists of coarse levels, of which few threads read
// many entries.
#include "../sampling/aggregation_taps.h"
#include "cell_lists.h"
#include "deformable_aggregation.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

/// How Aggregation works on channels: `Count` at a time that lie side by side.
template <class ElementType, int Count>
struct ChannelPack {
    using Element = ElementType;
    using Integer = int;
    static constexpr int count = Count;

    DCN4J_HOST_DEVICE static void load(const Element* from, ComputeType<Element> (&to)[Count]) {
        const auto pack = loadPack<Count>(from);
        for (int k = 0; k < Count; ++k) to[k] = widen(pack.get(k));
    }
    DCN4J_HOST_DEVICE static void store(const ComputeType<Element> (&from)[Count], Element* to) {
        Pack<Element, Count> pack{};
        for (int k = 0; k < Count; ++k) pack.set(k, narrow<Element>(from[k]));
        storePack(to, pack);
    }
};

/// What a thread computes one of.
enum class Part { Outputs, GradSample, GradValues };

template <Part Which, class All>
__global__ void computeKernel(All a, Index count) {
    forEachItem(count, [&](Index item) {
        const auto i = static_cast<typename All::Integer>(item);
        if constexpr (Which == Part::Outputs) a.computeOutputs(i);
        if constexpr (Which == Part::GradSample) a.computeGradSample(i);
        if constexpr (Which == Part::GradValues) a.computeGradValues(i);
    });
}

/// The samples of a level, as CellListMaker takes them. There is a list for each image, group and
/// cell, in the order of points and taps.
template <class Channels>
struct LevelSamples {
    using Real = typename Aggregation<Channels>::Real;

    Aggregation<Channels> a;
    AggregationLevel plane;
    int pixels = static_cast<int>(plane.pixels()), points = static_cast<int>(a.points());
    int cells = static_cast<int>(cellsOf(plane.height, plane.width));
    Divisor width{plane.width}, outWidth{a.outWidth}, groups{a.groups}, taps{a.taps()};
    Divisor packs{a.channels / Channels::count};

    DCN4J_HOST_DEVICE int keys() const {
        return static_cast<int>(a.batch) * groups.divisor() * cells;
    }
    DCN4J_HOST_DEVICE int samples() const { return static_cast<int>(a.samples()); }
    __device__ int candidates(int) const { return points * taps.divisor(); }

    __device__ ListedSample<Real> sample(int number) const {
        const AggregationTap at = a.tapAt(number);
        const auto s = a.sample(at);
        const int cell = cellOf(s, pixels, width);
        const auto first = static_cast<int>((at.n - a.firstImage) * a.groups + at.group);
        const auto column = static_cast<int>((at.oy * a.outWidth + at.ox) * a.taps() + at.tap);
        return {cell < 0 ? -1 : first * cells + cell,
                {s.fractionY, s.fractionX, s.modulation, column}};
    }

    __device__ ListedSample<Real> candidate(int key, int which) const {
        int tap = which, group = key / cells;
        const int image = groups.divide(group), point = taps.divide(tap);
        return sample(((image * points + point) * groups.divisor() + group) * taps.divisor() + tap);
    }
};

/// The gradient of a level's values. Neighbouring threads have neighbouring channels, and so the
/// same lists.
template <class Channels>
__global__ void gatherValuesKernel(LevelSamples<Channels> samples, const unsigned* start,
                                   const Entry<typename LevelSamples<Channels>::Real>* entries) {
    using Real = typename LevelSamples<Channels>::Real;
    constexpr int count = Channels::count;
    const auto& a = samples.a;
    const int pitch = samples.width.divisor() + 1;
    forEachItem(a.batch * samples.pixels * a.groups * samples.packs.divisor(), [&](Index i) {
        int pack = static_cast<int>(i);
        int group = samples.packs.divide(pack), x = samples.groups.divide(group);
        const int image = x / samples.pixels, c = pack * count;
        x -= image * samples.pixels;
        const int y = samples.width.divide(x);
        const unsigned* lists = start +
                                (Index{image} * samples.groups.divisor() + group) * samples.cells +
                                y * pitch + x;
        Real sum[count] = {};
        for (int top = 0; top < 2; ++top, lists += pitch) {
            const unsigned right = lists[1], end = lists[2];
#pragma unroll 4
            for (unsigned e = lists[0]; e < end; ++e) {
                const auto entry = entries[e];
                const Real weight = cornerWeight(entry, top == 1, e < right);
                if (weight == 0) continue;
                int ox = samples.taps.quotient(entry.column);
                const int oy = samples.outWidth.divide(ox);
                Real grad[count];
                Channels::load(a.outputAt({a.firstImage + image, oy, ox, group, 0, 0}, c), grad);
                for (int k = 0; k < count; ++k) sum[k] += grad[k] * entry.modulation * weight;
            }
        }
        const Tensor<5>& to = samples.plane.gradValues;
        Channels::store(sum, static_cast<typename Channels::Element*>(to.data) +
                                 to.at(a.firstImage + image, y, x, group, c));
    });
}

/// Whether 16 bytes of channels can be accessed wherever they begin, in an array of images, rows,
/// columns, groups and channels.
template <class Element>
bool liesInPacks(const AggregationCall& call, Index height, Index width, const Tensor<5>& t) {
    const Index sizes[] = {call.batch, height, width, call.groups};
    bool fits = t.strides[4] == 1 && reinterpret_cast<std::uintptr_t>(t.data) % 16 == 0;
    for (int d = 0; d < 4; ++d)
        fits = fits && (sizes[d] == 1 || t.strides[d] % packOf<Element> == 0);
    return fits || !t.present();
}

/// How many images are gathered at a time: few enough to be numbered, and for the workspace to stay
/// small. 0: one has too much.
Index imagesAtATime(const AggregationCall& call) {
    Index places = call.points();
    for (const AggregationLevel& level : call.levels) {
        places = std::max(places, cellsOf(level.height, level.width));
    }
    // At least what one image has of anything.
    const double most = static_cast<double>(places) * static_cast<double>(call.groups) *
                        static_cast<double>(std::max(call.channels, call.taps()));
    if (most >= 0x1p31 - 0x1p16) return 0;
    return std::clamp<Index>((Index{1} << 24) / static_cast<Index>(most), 1, call.batch);
}

/// Works on some images of a call at a time: with several channels a thread where they are
/// gathered, else on all. Calls `prepare(images, workspace)` once, with as many images as there
/// are at most, and what it returns with the images.
template <class Prepare>
void forEachImages(const AggregationCall& call, bool gathers, cudaStream_t stream,
                   Prepare prepare) {
    if (call.batch == 0) return;
    const Index most = gathers ? imagesAtATime(call) : 0;
    const auto with = [&](auto channels) {
        const auto count = static_cast<Index>(call.levels.size());
        Aggregation<decltype(channels)> some{call, nullptr, count};
        const Index images = some.batch = most > 0 ? most : call.batch;
        Workspace workspace(stream);
        const auto levels = workspace.reserve<AggregationLevel>(count);
        const auto compute = prepare(some, workspace);
        workspace.allocate();
        some.levels = workspace.at(levels);
        // The host's levels may go when it returns.
        check(cudaMemcpyAsync(workspace.at(levels), call.levels.data(),
                              call.levels.size() * sizeof(AggregationLevel), cudaMemcpyHostToDevice,
                              stream),
              "cudaMemcpyAsync");
        for (; some.firstImage < call.batch; some.firstImage += images) {
            some.batch = std::min(images, call.batch - some.firstImage);
            compute(some);
        }
    };
    withElementType(call.type, [&](auto element) {
        using Element = decltype(element);
        if (most == 0) return with(OneChannel<Element>{});
        const auto lies = [&](Index height, Index width, const Tensor<5>& array) {
            return liesInPacks<Element>(call, height, width, array);
        };
        bool packs = call.channels % packOf<Element> == 0 &&
                     lies(call.outHeight, call.outWidth, call.output);
        for (const AggregationLevel& level : call.levels) {
            packs = packs && lies(level.height, level.width, level.values) &&
                    lies(level.height, level.width, level.gradValues);
        }
        if (packs) return with(ChannelPack<Element, packOf<Element>>{});
        with(ChannelPack<Element, 1>{});
    });
}

}  // namespace

void DeformableAggregation::forward(const AggregationCall& call, int) const {
    forEachImages(call, gathers_, stream_, [&](const auto&, Workspace&) {
        return [&](const auto& a) {
            using All = std::decay_t<decltype(a)>;
            launch("deformable aggregation", computeKernel<Part::Outputs, All>,
                   blocksFor(a.outputs()), 0, stream_, a, a.outputs());
        };
    });
}

void DeformableAggregation::backward(const AggregationCall& call, int) const {
    forEachImages(call, gathers_, stream_, [&](const auto& most, Workspace& workspace) {
        using All = std::decay_t<decltype(most)>;
        using Samples = LevelSamples<typename All::How>;
        constexpr bool gathers = std::is_same_v<typename All::Integer, int>;
        Index pixels = 0, cells = 0;
        for (const AggregationLevel& level : call.levels) {
            pixels = std::max(pixels, level.pixels());
            cells = std::max(cells, cellsOf(level.height, level.width));
        }
        const auto sums =
            workspace.reserve<typename All::Real>(gathers ? 0 : most.planes() * pixels);
        const CellListMaker<Samples> lists(gathers ? most.batch * most.groups * cells : 0,
                                           gathers ? most.samples() : 0, workspace);
        return [=, &workspace, &call](All a) {
            a.sums = workspace.at(sums);
            for (const AggregationLevel& level : call.levels) {
                launch("deformable aggregation, location and weight",
                       computeKernel<Part::GradSample, All>, blocksFor(a.samples()), 0, stream_, a,
                       a.samples());
                if constexpr (gathers) {
                    const Samples samples{a, level};
                    lists.make(samples, workspace, stream_);
                    launch("deformable aggregation, values", gatherValuesKernel<typename All::How>,
                           blocksFor(a.batch * level.pixels() * a.groups * samples.packs.divisor()),
                           0, stream_, samples, lists.start(workspace), lists.entries(workspace));
                } else {
                    launch("deformable aggregation, values", computeKernel<Part::GradValues, All>,
                           blocksFor(a.planes()), 0, stream_, a, a.planes());
                }
                ++a.level;
            }
        };
    });
}

}  // namespace dcn4j::cuda
