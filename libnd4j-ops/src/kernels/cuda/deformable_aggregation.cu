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

template <class Channels>
__global__ void forwardKernel(Aggregation<Channels> a) {
    forEachItem(a.outputs(),
                [&](Index i) { a.computeOutputs(static_cast<typename Channels::Integer>(i)); });
}

template <class Channels>
__global__ void gradSamplesKernel(Aggregation<Channels> a, Index level) {
    forEachItem(a.samples(), [&](Index i) {
        a.computeGradSample(a.tapAt(level, static_cast<typename Channels::Integer>(i)));
    });
}

/// `sums` are zeros at first: [planes][pixels].
template <class Channels>
__global__ void gradValuesKernel(Aggregation<Channels> a, Index level,
                                 typename Aggregation<Channels>::Real* sums) {
    const Index pixels = a.levels[level].pixels();
    forEachItem(a.planes(), [&](Index i) { a.computeGradValues(level, i, sums + i * pixels); });
}

/// The samples of a level, as CellListMaker takes them. There is a list for each image, group and
/// cell, in the order of points and taps.
template <class Channels>
struct LevelSamples {
    using Real = typename Aggregation<Channels>::Real;

    Aggregation<Channels> a;
    Index level;
    int pixels, cells, points;
    Divisor width, outWidth, groups, taps;

    LevelSamples(const Aggregation<Channels>& some, Index number, const AggregationLevel& plane)
        : a(some),
          level(number),
          pixels(static_cast<int>(plane.pixels())),
          cells(static_cast<int>(cellsOf(plane))),
          points(static_cast<int>(some.points())),
          width(plane.width),
          outWidth(some.outWidth),
          groups(some.groups),
          taps(some.taps()) {}

    static Index cellsOf(const AggregationLevel& plane) {
        return (plane.height + 1) * (plane.width + 1);
    }

    DCN4J_HOST_DEVICE int keys() const {
        return static_cast<int>(a.batch) * groups.divisor() * cells;
    }
    DCN4J_HOST_DEVICE int samples() const { return static_cast<int>(a.samples()); }
    __device__ int candidates(int) const { return points * taps.divisor(); }

    __device__ ListedSample<Real> sample(int number) const {
        const AggregationTap at = a.tapAt(level, number);
        const auto s = a.sample(at);
        const int cell = cellOf(s, pixels, width);
        const auto plane = static_cast<int>((at.n - a.firstImage) * a.groups + at.group);
        const auto column = static_cast<int>((at.oy * a.outWidth + at.ox) * a.taps() + at.tap);
        return {cell < 0 ? -1 : plane * cells + cell,
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
__global__ void gatherValuesKernel(LevelSamples<Channels> samples, Divisor packs,
                                   const unsigned* start,
                                   const Entry<typename LevelSamples<Channels>::Real>* entries) {
    using Real = typename LevelSamples<Channels>::Real;
    constexpr int count = Channels::count;
    const auto& a = samples.a;
    const int pitch = samples.width.divisor() + 1;
    forEachItem(a.batch * samples.pixels * a.groups * packs.divisor(), [&](Index i) {
        int pack = static_cast<int>(i);
        int group = packs.divide(pack), x = samples.groups.divide(group);
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
        const Tensor<5>& to = a.levels[samples.level].gradValues;
        Channels::store(sum, static_cast<typename Channels::Element*>(to.data) +
                                 to.at(a.firstImage + image, y, x, group, c));
    });
}

/// Whether 16 bytes of channels can be accessed wherever they begin.
template <class Element>
bool liesInPacks(const Tensor<5>& t) {
    bool fits = t.strides[4] == 1 && reinterpret_cast<std::uintptr_t>(t.data) % 16 == 0;
    for (int d = 0; d < 4; ++d) fits = fits && t.strides[d] % packOf<Element> == 0;
    return fits || !t.present();
}

/// How many images are gathered at a time: few enough to be numbered, and for the workspace to stay
/// small. 0: one has too much.
Index imagesAtATime(const AggregationCall& call) {
    double places = static_cast<double>(call.points());
    for (const AggregationLevel& level : call.levels) {
        places = std::max(
            places, static_cast<double>(level.height + 1) * static_cast<double>(level.width + 1));
    }
    // At least what one image has of anything.
    const double most = places * static_cast<double>(call.groups) *
                        static_cast<double>(std::max(call.channels, call.taps()));
    if (most >= 0x1p31 - 0x1p16) return 0;
    return std::clamp<Index>((Index{1} << 24) / static_cast<Index>(most), 1, call.batch);
}

/// Calls `action` with the images of a call that are worked on together, the first ones: with
/// several channels a thread where they are gathered, else with all. Levels are not on the device
/// yet.
template <class Action>
void withChannels(const AggregationCall& call, bool gathers, Action action) {
    if (call.batch == 0) return;
    const Index images = gathers ? imagesAtATime(call) : 0;
    const auto with = [&](auto channels) {
        Aggregation<decltype(channels)> some{call, nullptr, static_cast<Index>(call.levels.size())};
        if (images > 0) some.batch = images;
        action(some);
    };
    withElementType(call.type, [&](auto element) {
        using Element = decltype(element);
        if (images == 0) return with(OneChannel<Element>{});
        bool packs = call.channels % packOf<Element> == 0 && liesInPacks<Element>(call.output);
        for (const AggregationLevel& level : call.levels) {
            packs = packs && liesInPacks<Element>(level.values) &&
                    liesInPacks<Element>(level.gradValues);
        }
        if (packs) return with(ChannelPack<Element, packOf<Element>>{});
        with(ChannelPack<Element, 1>{});
    });
}

/// Copies the levels to the device. The host's may go when it returns.
const AggregationLevel* copyLevels(const AggregationCall& call, AggregationLevel* to,
                                   cudaStream_t stream) {
    check(cudaMemcpyAsync(to, call.levels.data(), call.levels.size() * sizeof(AggregationLevel),
                          cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
    return to;
}

}  // namespace

void DeformableAggregation::forward(const AggregationCall& call, int) const {
    withChannels(call, gathers_, [&](auto a) {
        Workspace workspace(stream_);
        const auto levels = workspace.reserve<AggregationLevel>(a.levelCount);
        workspace.allocate();
        a.levels = copyLevels(call, workspace.at(levels), stream_);
        for (const Index images = a.batch; a.firstImage < call.batch; a.firstImage += images) {
            a.batch = std::min(images, call.batch - a.firstImage);
            launch("deformable aggregation", forwardKernel<typename decltype(a)::How>,
                   blocksFor(a.outputs()), 0, stream_, a);
        }
    });
}

void DeformableAggregation::backward(const AggregationCall& call, int) const {
    withChannels(call, gathers_, [&](auto a) {
        using Channels = typename decltype(a)::How;
        using Samples = LevelSamples<Channels>;
        constexpr bool gathers = std::is_same_v<typename Channels::Integer, int>;
        Index pixels = 0, cells = 0;
        for (const AggregationLevel& level : call.levels) {
            pixels = std::max(pixels, level.pixels());
            cells = std::max(cells, Samples::cellsOf(level));
        }
        Workspace workspace(stream_);
        const auto levels = workspace.reserve<AggregationLevel>(a.levelCount);
        const auto sums =
            workspace.reserve<typename Samples::Real>(gathers ? 0 : a.planes() * pixels);
        const CellListMaker<Samples> lists(gathers ? a.batch * a.groups * cells : 0,
                                           gathers ? a.samples() : 0, workspace);
        workspace.allocate();
        a.levels = copyLevels(call, workspace.at(levels), stream_);
        for (const Index images = a.batch; a.firstImage < call.batch; a.firstImage += images) {
            a.batch = std::min(images, call.batch - a.firstImage);
            for (Index number = 0; number < a.levelCount; ++number) {
                const AggregationLevel& level = call.levels[static_cast<std::size_t>(number)];
                launch("deformable aggregation, location and weight", gradSamplesKernel<Channels>,
                       blocksFor(a.samples()), 0, stream_, a, number);
                if constexpr (gathers) {
                    const Samples samples(a, number, level);
                    lists.make(samples, workspace, stream_);
                    const Index packs = a.channels / Channels::count;
                    launch("deformable aggregation, values", gatherValuesKernel<Channels>,
                           blocksFor(a.batch * level.pixels() * a.groups * packs), 0, stream_,
                           samples, Divisor(packs), lists.start(workspace),
                           lists.entries(workspace));
                } else {
                    const auto bytes = static_cast<std::size_t>(a.planes() * level.pixels()) *
                                       sizeof(typename Samples::Real);
                    check(cudaMemsetAsync(workspace.at(sums), 0, bytes, stream_),
                          "cudaMemsetAsync");
                    launch("deformable aggregation, values", gradValuesKernel<Channels>,
                           blocksFor(a.planes()), 0, stream_, a, number, workspace.at(sums));
                }
            }
        }
    });
}

}  // namespace dcn4j::cuda
