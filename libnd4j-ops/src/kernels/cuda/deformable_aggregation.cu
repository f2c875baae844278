// Deformable aggregation, forward and backward, as the definition in
// ../sampling/aggregation_taps.h reads.
//
// One thread an output, or a sample for the gradients of location and weight. Neighbouring threads
// have neighbouring channels: they read the same samples. For the values' gradient
//
//   reference    one thread a plane, which it walks through sample by sample, so that no two
//   threads
//                add to one element
//   gathered     one thread an element, which gathers from the lists of the four cells around its
//                pixel (cell_lists.h), made level by level for a few images
//
// What bounds it: every channel plans its samples anew; backward, the lists of coarse levels, of
// which few threads read many entries.
#include "../sampling/aggregation_taps.h"
#include "cell_lists.h"
#include "deformable_aggregation.h"
#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

template <class Element>
__global__ void forwardReference(Aggregation<Element> a) {
    forEachItem(a.outputs(), [&](Index i) { a.computeOutput(i); });
}

template <class Element>
__global__ void gradSamplesReference(Aggregation<Element> a) {
    forEachItem(a.samples(), [&](Index i) { a.computeGradSample(i); });
}

/// Threads of a sample.
constexpr int sampleThreads = 8;

/// Several threads a sample, whose channels lie side by side; their sums are added in order.
template <class Element>
__global__ void gradSamplesKernel(Aggregation<Element> a) {
    constexpr int samples = blockThreads / sampleThreads;
    using Sums = typename Aggregation<Element>::GradSample;
    struct Memory {
        Sums sums[samples][sampleThreads];
    };
    auto& sums = shared<Memory>().sums;
    const int which = static_cast<int>(threadIdx.x) / sampleThreads;
    const int lane = static_cast<int>(threadIdx.x) % sampleThreads;
    for (Index first = static_cast<Index>(blockIdx.x) * samples; first < a.samples();
         first += static_cast<Index>(gridDim.x) * samples) {
        const bool some = first + which < a.samples();
        const AggregationTap at = a.tapAt(some ? first + which : 0);
        if (some) sums[which][lane] = a.sumGradSample(at, lane, sampleThreads);
        __syncthreads();
        if (some && lane == 0) {
            Sums sum = sums[which][0];
            for (int i = 1; i < sampleThreads; ++i) {
                sum.x += sums[which][i].x;
                sum.y += sums[which][i].y;
                sum.weight += sums[which][i].weight;
            }
            a.putGradSample(at, sum);
        }
        __syncthreads();
    }
}

template <class Element>
__global__ void gradValuesReference(Aggregation<Element> a, Index level,
                                    ComputeType<Element>* sums) {
    forEachItem(a.valuePlanes(), [&](Index i) { a.computeGradValues(level, i, sums); });
}

/// The samples of a level, of a few images: [image][point][group][tap]. There is a list for each
/// image, group and cell, in the order of points and taps.
template <class Element>
struct AggregationSamples {
    using Real = ComputeType<Element>;

    Aggregation<Element> a;
    Index level, firstImage;
    int images, pixels, cells;
    Divisor width, outWidth, points, groups, taps;

    AggregationSamples(const Aggregation<Element>& call, const AggregationLevel& plane,
                       Index whichLevel, Index imageCount)
        : a(call),
          level(whichLevel),
          firstImage(0),
          images(static_cast<int>(imageCount)),
          pixels(static_cast<int>(plane.pixels())),
          cells(static_cast<int>(cellsOf(plane))),
          width(plane.width),
          outWidth(call.g.outWidth),
          points(call.g.points()),
          groups(call.g.groups),
          taps(call.g.taps()) {}

    static Index cellsOf(const AggregationLevel& plane) {
        return (plane.height + 1) * (plane.width + 1);
    }

    DCN4J_HOST_DEVICE int keys() const { return images * groups.divisor() * cells; }
    DCN4J_HOST_DEVICE int samples() const {
        return images * points.divisor() * groups.divisor() * taps.divisor();
    }

    __device__ ListedSample<Real> sample(int number) const {
        int tap = number, group = taps.divide(tap), point = groups.divide(group);
        const int image = points.divide(point);
        return sampleOf(image * groups.divisor() + group, point, tap);
    }

    __device__ int candidates(int) const { return points.divisor() * taps.divisor(); }

    __device__ ListedSample<Real> candidate(int key, int which) const {
        int tap = which;
        const int point = taps.divide(tap);
        return sampleOf(key / cells, point, tap);
    }

    /// A point's rows and columns.
    __device__ AggregationTap pointAt(int image, int group, int point) const {
        int ox = point;
        const int oy = outWidth.divide(ox);
        return {firstImage + image, oy, ox, group, level, 0};
    }

  private:
    /// Of an image and group.
    __device__ ListedSample<Real> sampleOf(int plane, int point, int tap) const {
        int group = plane;
        const int image = groups.divide(group);
        AggregationTap at = pointAt(image, group, point);
        at.tap = tap;
        const auto s = a.sample(at);
        const int cell = cellOf(s, pixels, width);
        return {cell < 0 ? -1 : plane * cells + cell,
                {s.fractionY, s.fractionX, s.modulation, point * taps.divisor() + tap}};
    }
};

/// The gradient of a level's values. Neighbouring threads have neighbouring channels, and so the
/// same lists.
template <class Element>
__global__ void gatherValuesKernel(AggregationSamples<Element> samples, Divisor channels,
                                   const unsigned* start,
                                   const Entry<ComputeType<Element>>* entries) {
    using Real = ComputeType<Element>;
    const auto& a = samples.a;
    const int pitch = samples.width.divisor() + 1;
    forEachItem(
        Index{samples.images} * samples.pixels * samples.groups.divisor() * channels.divisor(),
        [&](Index i) {
            int c = static_cast<int>(i);
            int group = channels.divide(c), x = samples.groups.divide(group);
            const int image = x / samples.pixels;
            x -= image * samples.pixels;
            const int y = samples.width.divide(x);
            const unsigned* lists =
                start + Index{image * samples.groups.divisor() + group} * samples.cells +
                y * pitch + x;
            Real sum = 0;
            for (int top = 0; top < 2; ++top, lists += pitch) {
                const unsigned right = lists[1], end = lists[2];
#pragma unroll 4
                for (unsigned e = lists[0]; e < end; ++e) {
                    const auto entry = entries[e];
                    const Real weight = cornerWeight(entry, top == 1, e < right);
                    if (weight == 0) continue;
                    const auto at =
                        samples.pointAt(image, group, samples.taps.quotient(entry.column));
                    sum += load<Element>(a.output, at.n, at.oy, at.ox, group, c) *
                           entry.modulation * weight;
                }
            }
            store<Element>(a.planes[samples.level].gradValue, sum, samples.firstImage + image, y, x,
                           group, c);
        });
}

/// Copies the planes to the device. The host's may go when it returns.
void copyPlanes(const std::vector<AggregationPlane>& planes, AggregationPlane* to,
                cudaStream_t stream) {
    check(cudaMemcpyAsync(to, planes.data(), planes.size() * sizeof(AggregationPlane),
                          cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
}

}  // namespace

void ReferenceDeformableAggregation::forward(const AggregationGeometry& g,
                                             const AggregationInputs& in, const Tensor<5>& output,
                                             int) const {
    const auto planes = planesOf(g, in);
    const auto levels = static_cast<Index>(planes.size());
    Workspace workspace(stream_);
    const auto onDevice = workspace.reserve<AggregationPlane>(levels);
    workspace.allocate();
    copyPlanes(planes, workspace.at(onDevice), stream_);
    withElementType(in.type, [&](auto element) {
        using Element = decltype(element);
        const Aggregation<Element> a{g,  levels, workspace.at(onDevice), in.location, {}, in.weight,
                                     {}, output};
        launch("deformable aggregation", forwardReference<Element>, blocksFor(a.outputs()), 0,
               stream_, a);
    });
}

void ReferenceDeformableAggregation::backward(const AggregationGeometry& g,
                                              const AggregationInputs& in,
                                              const Tensor<5>& gradOutput,
                                              const AggregationGradients& to, int) const {
    const auto planes = planesOf(g, in, to);
    const auto levels = static_cast<Index>(planes.size());
    withElementType(in.type, [&](auto element) {
        using Element = decltype(element);
        using Real = ComputeType<Element>;
        Index most = 0;
        for (const AggregationLevel& level : g.levels) most = std::max(most, level.pixels());
        Workspace workspace(stream_);
        const auto onDevice = workspace.reserve<AggregationPlane>(levels);
        const auto sums = workspace.reserve<Real>(g.batch * g.groups * g.channels * most);
        workspace.allocate();
        copyPlanes(planes, workspace.at(onDevice), stream_);
        const Aggregation<Element> a{g,           levels,      workspace.at(onDevice),
                                     in.location, to.location, in.weight,
                                     to.weight,   gradOutput};
        launch("deformable aggregation, location and weight", gradSamplesReference<Element>,
               blocksFor(a.samples()), 0, stream_, a);
        for (Index level = 0; level < levels; ++level) {
            const Index numbers =
                a.valuePlanes() * g.levels[static_cast<std::size_t>(level)].pixels();
            if (numbers == 0) return;
            check(cudaMemsetAsync(workspace.at(sums), 0,
                                  static_cast<std::size_t>(numbers) * sizeof(Real), stream_),
                  "cudaMemsetAsync");
            launch("deformable aggregation, values", gradValuesReference<Element>,
                   blocksFor(a.valuePlanes()), 0, stream_, a, level, workspace.at(sums));
        }
    });
}

void GatheredDeformableAggregation::forward(const AggregationGeometry& g,
                                            const AggregationInputs& in, const Tensor<5>& output,
                                            int threads) const {
    ReferenceDeformableAggregation(stream_).forward(g, in, output, threads);
}

void GatheredDeformableAggregation::backward(const AggregationGeometry& g,
                                             const AggregationInputs& in,
                                             const Tensor<5>& gradOutput,
                                             const AggregationGradients& to, int threads) const {
    // What one image has, in numbers of 32 bits.
    double most = static_cast<double>(g.groups) * static_cast<double>(g.points()) *
                  static_cast<double>(g.taps());
    for (const AggregationLevel& level : g.levels) {
        most = std::max(most, static_cast<double>(level.height + 1) *
                                  static_cast<double>(level.width + 1) *
                                  static_cast<double>(g.groups) * static_cast<double>(g.channels));
    }
    if (most >= 0x1p31 - 0x1p16) {
        return ReferenceDeformableAggregation(stream_).backward(g, in, gradOutput, to, threads);
    }
    if (g.batch == 0) return;
    const auto planes = planesOf(g, in, to);
    const auto levels = static_cast<Index>(planes.size());
    // A few images at a time: few enough to be numbered, and for the workspace to stay small.
    const Index images = std::clamp<Index>((Index{1} << 24) / static_cast<Index>(most), 1, g.batch);
    withElementType(in.type, [&](auto element) {
        using Element = decltype(element);
        using Samples = AggregationSamples<Element>;
        Workspace workspace(stream_);
        const auto onDevice = workspace.reserve<AggregationPlane>(levels);
        Index cells = 0;
        for (const AggregationLevel& level : g.levels)
            cells = std::max(cells, Samples::cellsOf(level));
        const CellListMaker<Samples> lists(images * g.groups * cells,
                                           images * g.groups * g.points() * g.taps(), workspace);
        workspace.allocate();
        copyPlanes(planes, workspace.at(onDevice), stream_);
        const Aggregation<Element> a{g,           levels,      workspace.at(onDevice),
                                     in.location, to.location, in.weight,
                                     to.weight,   gradOutput};
        // Each of the threads plans the sample anew.
        const bool many = g.channels >= 4 * sampleThreads;
        launch(
            "deformable aggregation, location and weight",
            many ? gradSamplesKernel<Element> : gradSamplesReference<Element>,
            many ? ceilDivide(a.samples(), blockThreads / sampleThreads) : blocksFor(a.samples()),
            0, stream_, a);
        for (Index level = 0; level < levels; ++level) {
            const AggregationLevel& plane = g.levels[static_cast<std::size_t>(level)];
            Samples samples(a, plane, level, images);
            for (Index first = 0; first < g.batch; first += images) {
                samples.firstImage = first;
                samples.images = static_cast<int>(std::min(images, g.batch - first));
                lists.make(samples, workspace, stream_);
                launch("deformable aggregation, values", gatherValuesKernel<Element>,
                       blocksFor(samples.images * plane.pixels() * g.groups * g.channels), 0,
                       stream_, samples, Divisor(g.channels), lists.start(workspace),
                       lists.entries(workspace));
            }
        }
    });
}

}  // namespace dcn4j::cuda
