// Pooling's micro-kernels of one instruction set, compiled as micro_kernels.cpp is, and under
// the same rule: nothing with external linkage but the table.
#include "pooling.h"

#include "groups.h"

namespace dcn4j::cpu {
namespace {

template <class G, class Real>
inline void poolGroup(const Bin<Real>& bin, const Real* image, Index ld, Real* mean) {
    using V = typename G::Vector;
    V total[G::count] = {};
    const Real* plane = image + bin.firstPixel * ld;
    for (Index y = 0; y < bin.rows.count; ++y) {
        const AxisWeight<Real>& rowWeight = bin.rows.weights[y];
        const Real* row = plane + rowWeight.pixel * ld;
        for (Index x = 0; x < bin.columns.count; ++x) {
            const AxisWeight<Real>& column = bin.columns.weights[x];
            const Real* pixel = row + column.pixel * ld;
            const V weight = broadcast<V>(rowWeight.weight * column.weight);
            DCN4J_UNROLL for (int i = 0; i < G::count; ++i) {
                total[i] = multiplyAdd(weight, load<V>(pixel + i * lanesOf<V>), total[i]);
            }
        }
    }
    const Real kept = bin.kept > 0 ? static_cast<Real>(bin.kept) : 1;
    DCN4J_UNROLL for (int i = 0; i < G::count; ++i) store(mean + i * lanesOf<V>, total[i] / kept);
}

template <class Real>
void pool(const BinChunk<Real>& chunk, const Real* image, Real* means) {
    for (Index b = 0; b < chunk.count; ++b) {
        inGroups<Real, 4>(chunk.channels, [&](auto group, Index i) {
            poolGroup<decltype(group)>(chunk.bins[b], image + i, chunk.ld,
                                       means + b * chunk.ld + i);
        });
    }
}

template <class Real>
void divide(Index count, const Real* counts, Real* gradients) {
    using V = Vector<Real>;
    Index i = 0;
    for (; i + lanesOf<V> <= count; i += lanesOf<V>) {
        const V kept = load<V>(counts + i);
        const V grad = load<V>(gradients + i) / kept;
        store(gradients + i, kept > V{} ? grad : V{});
    }
    for (; i < count; ++i) gradients[i] = counts[i] > 0 ? gradients[i] / counts[i] : 0;
}

/// `v`, numbers of the channels from `i` on, but zero for what only pads them: that is
/// another class's, or nothing, and zero times it may not be zero.
template <class V, class Real>
inline V ofChannels(const BinChunk<Real>& chunk, Index i, const V& v) {
    if constexpr (sizeof(V) == 16) {
        return laneNumbers<V>() < V{} + static_cast<Real>(chunk.channels - i) ? v : V{};
    } else {
        return v;
    }
}

template <class Real>
void scatter(const BinChunk<Real>& chunk, const Real* gradients, Index first, Index end,
             Real* gradImage) {
    for (Index b = 0; b < chunk.count; ++b) {
        const Bin<Real>& bin = chunk.bins[b];
        Index firstRow = 0, endRow = bin.rows.count;
        while (firstRow < endRow && bin.rows.weights[firstRow].pixel < first) ++firstRow;
        while (firstRow < endRow && bin.rows.weights[endRow - 1].pixel >= end) --endRow;
        if (firstRow == endRow || bin.columns.count == 0) continue;
        inGroups<Real, 4>(chunk.channels, [&](auto group, Index i) {
            using G = decltype(group);
            using V = typename G::Vector;
            V grad[G::count];
            DCN4J_UNROLL for (int j = 0; j < G::count; ++j) {
                const Index c = i + j * lanesOf<V>;
                grad[j] = ofChannels(chunk, c, load<V>(gradients + b * chunk.ld + c));
            }
            Real* plane = gradImage + bin.firstPixel * chunk.ld + i;
            for (Index y = firstRow; y < endRow; ++y) {
                Real* row = plane + bin.rows.weights[y].pixel * chunk.ld;
                V gradRow[G::count];
                DCN4J_UNROLL for (int j = 0; j < G::count; ++j) {
                    gradRow[j] = bin.rows.weights[y].weight * grad[j];
                }
                for (Index x = 0; x < bin.columns.count; ++x) {
                    const V weight = broadcast<V>(bin.columns.weights[x].weight);
                    Real* pixel = row + bin.columns.weights[x].pixel * chunk.ld;
                    DCN4J_UNROLL for (int j = 0; j < G::count; ++j) {
                        Real* to = pixel + j * lanesOf<V>;
                        store(to, multiplyAdd(weight, gradRow[j], load<V>(to)));
                    }
                }
            }
        });
    }
}

/// The slopes of a bin's channels in a group.
template <class V>
struct GroupSlopes {
    V x, y;
};

template <class G, class Real>
inline GroupSlopes<typename G::Vector> slopesOf(const BinChunk<Real>& chunk, const Bin<Real>& bin,
                                                const Real* gradients, const Real* image, Index i) {
    using V = typename G::Vector;
    const Real* plane = image + bin.firstPixel * chunk.ld + i;
    V slopeX[G::count] = {}, slopeY[G::count] = {};
    for (Index y = 0; y < bin.rows.count; ++y) {
        const AxisWeight<Real>& rowWeight = bin.rows.weights[y];
        const Real* row = plane + rowWeight.pixel * chunk.ld;
        for (Index x = 0; x < bin.columns.count; ++x) {
            const AxisWeight<Real>& column = bin.columns.weights[x];
            const Real* pixel = row + column.pixel * chunk.ld;
            const V weightX = broadcast<V>(rowWeight.weight * column.slope);
            const V weightY = broadcast<V>(rowWeight.slope * column.weight);
            DCN4J_UNROLL for (int j = 0; j < G::count; ++j) {
                const V value = load<V>(pixel + j * lanesOf<V>);
                slopeX[j] = multiplyAdd(weightX, value, slopeX[j]);
                slopeY[j] = multiplyAdd(weightY, value, slopeY[j]);
            }
        }
    }
    GroupSlopes<V> slopes{};
    DCN4J_UNROLL for (int j = 0; j < G::count; ++j) {
        const Index c = i + j * lanesOf<V>;
        const V grad = load<V>(gradients + c);
        slopes.x += ofChannels(chunk, c, grad * slopeX[j]);
        slopes.y += ofChannels(chunk, c, grad * slopeY[j]);
    }
    return slopes;
}

template <class Real>
inline Real sumOf(const Vector16<Real>& v) {
    Real sum = 0;
    for (Index i = 0; i < rowAlignment<Real>; ++i) sum += v[i];
    return sum;
}

template <class Real>
void addSlopes(const BinChunk<Real>& chunk, const Real* gradients, const Real* image,
               Slopes<Real>* slopes) {
    for (Index b = 0; b < chunk.count; ++b) {
        if (chunk.bins[b].kept == 0) continue;
        Vector16<Real> x{}, y{};
        inGroups<Real, 4>(chunk.channels, [&](auto group, Index i) {
            const auto part =
                slopesOf<decltype(group)>(chunk, chunk.bins[b], gradients + b * chunk.ld, image, i);
            x += horizontalSum(part.x);
            y += horizontalSum(part.y);
        });
        slopes[b].x += sumOf<Real>(x);
        slopes[b].y += sumOf<Real>(y);
    }
}

template <class Real>
constexpr PoolingKernels<Real> kernels = {pool<Real>, divide<Real>, scatter<Real>, addSlopes<Real>};

}  // namespace

extern const InstructionSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Set);
extern const PoolingSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Pooling);
const PoolingSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Pooling) = {
    DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Set), {kernels<float>, kernels<double>}};

}  // namespace dcn4j::cpu
