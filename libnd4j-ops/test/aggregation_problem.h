// One deformable aggregation for the tests: its shape and its arrays.
#pragma once

#include <memory>
#include <ostream>
#include <random>
#include <vector>

#include "../src/kernels/deformable_aggregation.h"
#include "result.h"

namespace dcn4j::aggregation {

struct Size {
    Index height, width;
};

struct Case {
    const char* name;
    Index n, groups, channels;  ///< channels of a group
    std::vector<Size> levels;   ///< one: as DCNv3 has it; more: as attention, at `queries` points
    Index kH = 3, kW = 3;
    Index sH = 1, sW = 1, pH = 1, pW = 1, dH = 1, dW = 1;
    bool removeCenter = false;
    double scale = 1;
    Index queries = 0;
    Layout layout = Layout::Contiguous;
    bool planar = false;  ///< all x of a point before all y
    Index apart = 0;      ///< channels, and samples, that lie between two groups

    AggregationCall call() const {
        AggregationCall g{};
        g.batch = n;
        g.groups = groups;
        g.channels = channels;
        g.removeCenter = removeCenter;
        if (queries > 0) {
            g.outHeight = 1;
            g.outWidth = queries;
            g.y = {kH, 0, 0, 0, -0.5};
            g.x = {kW, 0, 0, 0, -0.5};
        } else {
            const Size in = levels[0];
            g.outHeight = (in.height + 2 * pH - dH * (kH - 1) - 1) / sH + 1;
            g.outWidth = (in.width + 2 * pW - dW * (kW - 1) - 1) / sW + 1;
            const Index cH = dH * (kH - 1) / 2, cW = dW * (kW - 1) / 2;
            g.y = {kH, sH, dH, cH, static_cast<double>(cH - pH)};
            g.x = {kW, sW, dW, cW, static_cast<double>(cW - pW)};
        }
        for (const Size& level : levels) {
            const bool own = queries > 0;
            g.levels.push_back({level.height, level.width,
                                own ? static_cast<double>(level.height) : scale,
                                own ? static_cast<double>(level.width) : scale});
        }
        return g;
    }
};

inline std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.name;
}

/// The arrays of one case, filled at random; locations keep positions off integers.
template <class Element>
struct Problem {
    using Real = ComputeType<Element>;

    Problem(const Case& c, unsigned seed, Around around = Around::Guards)
        : g(c.call()),
          levels(static_cast<Index>(g.levels.size())),
          apart(c.apart),
          location({g.batch, samples() * 2, g.outHeight, g.outWidth}, c.layout, around),
          weight({g.batch, samples(), g.outHeight, g.outWidth}, c.layout, around),
          output({g.batch, channels(), g.outHeight, g.outWidth}, c.layout, around),
          gradOutput({g.batch, channels(), g.outHeight, g.outWidth}, c.layout, around),
          gradLocation({g.batch, samples() * 2, g.outHeight, g.outWidth}, c.layout, around),
          gradWeight({g.batch, samples(), g.outHeight, g.outWidth}, c.layout, around),
          planar(c.planar) {
        std::mt19937 random(seed);
        g.type = typeOf<Element>();
        for (AggregationLevel& level : g.levels) {
            const Index sizes[4] = {g.batch, channels(), level.height, level.width};
            values.push_back(std::make_unique<Array<Element>>(sizes, c.layout, around));
            gradValues.push_back(std::make_unique<Array<Element>>(sizes, c.layout, around));
            fill(*values.back(), random);
            level.values = inGroups(*values.back());
            level.gradValues = inGroups(*gradValues.back());
        }
        fill(weight, random);
        fill(gradOutput, random);
        if (apart > 0) {  // what is between groups counts as results, which are small
            for (auto* array : {&output, &gradLocation, &gradWeight}) clear(*array);
            for (auto& array : gradValues) clear(*array);
        }
        g.location = locations(location);
        g.weight = weights(weight);
        g.gradLocation = locations(gradLocation);
        g.gradWeight = weights(gradWeight);
        forEachSample([&](const AggregationTap& at) {
            for (Index i = 0; i < 2; ++i) setPosition(at, i, offInteger(random));
        });
    }

    /// Which tap of which pixel, as sampling/aggregation_taps.h has it.
    struct AggregationTap {
        Index n, oy, ox, group, level, tap;
    };

    template <class Action>
    void forEachSample(Action action) {
        for (Index n = 0; n < g.batch; ++n)
            for (Index oy = 0; oy < g.outHeight; ++oy)
                for (Index ox = 0; ox < g.outWidth; ++ox)
                    for (Index m = 0; m < g.groups; ++m)
                        for (Index level = 0; level < levels; ++level)
                            for (Index tap = 0; tap < g.taps(); ++tap)
                                action(AggregationTap{n, oy, ox, m, level, tap});
    }

    /// Moves a sample by `distance` pixels from where a convolution's tap, or the level's pixel of
    /// the query's number, is.
    void setPosition(const AggregationTap& at, Index i, double distance) {
        const AggregationLevel& level = g.levels[static_cast<std::size_t>(at.level)];
        const Index size = i == 0 ? level.width : level.height;
        const double scale = i == 0 ? level.scaleX : level.scaleY;
        const double pixel = static_cast<double>((at.ox + at.group) % size) + distance + 0.5;
        const double value = g.x.stride > 0 ? distance : pixel / scale;
        static_cast<Element*>(
            g.location.data)[g.location.at(at.n, at.oy, at.ox, at.group, at.level, at.tap, i)] =
            narrow<Element>(static_cast<Real>(value));
    }

    void forward(const DeformableAggregationKernel& kernel, int threads = 2) {
        g.output = inGroups(output);
        kernel.forward(g, threads);
    }

    void backward(const DeformableAggregationKernel& kernel, int threads = 2) {
        g.output = inGroups(gradOutput);
        kernel.backward(g, threads);
    }

    /// What forward and backward wrote, by name.
    std::vector<Result> results() {
        std::vector<Result> all{resultOf("output", output), resultOf("gradLocation", gradLocation),
                                resultOf("gradWeight", gradWeight)};
        for (auto& level : gradValues) all.push_back(resultOf("gradValue", *level));
        return all;
    }

    // Of the arrays, with what lies between groups.
    Index channels() const { return g.groups * (g.channels + apart); }
    Index samples() const { return g.groups * (levels * g.taps() + apart); }

    /// [n][groups * channels][h][w] as [n][h][w][groups][channels].
    Tensor<5> inGroups(const Array<Element>& array) const {
        const Tensor<4>& t = array.tensor();
        const Index* s = t.strides;
        return {t.data, {s[0], s[2], s[3], (g.channels + apart) * s[1], s[1]}};
    }
    Tensor<7> locations(const Array<Element>& array) const {
        const Tensor<4>& t = array.tensor();
        const Index *s = t.strides, taps = g.taps(), two = 2 * taps * s[1];
        return {t.data,
                {s[0], s[2], s[3], levels * two + 2 * apart * s[1], two, planar ? s[1] : 2 * s[1],
                 planar ? taps * s[1] : s[1]}};
    }
    Tensor<6> weights(const Array<Element>& array) const {
        const Tensor<4>& t = array.tensor();
        const Index *s = t.strides, taps = g.taps() * s[1];
        return {t.data, {s[0], s[2], s[3], levels * taps + apart * s[1], taps, s[1]}};
    }

    static void clear(Array<Element>& array) {
        array.forEach([](Element& e) { e = narrow<Element>(Real{0}); });
    }

    AggregationCall g;
    Index levels, apart;
    std::vector<std::unique_ptr<Array<Element>>> values, gradValues;
    Array<Element> location, weight, output, gradOutput, gradLocation, gradWeight;
    bool planar;
};

}  // namespace dcn4j::aggregation
