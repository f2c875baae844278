// lanesToColumn and lanesToWeights of every instruction set against plain loops.
#include "micro_kernel_test.h"

namespace dcn4j::cpu {
namespace {

class Lanes : public MicroKernelTest {
  protected:
    template <class Real>
    static Real at(const std::vector<Real>& v, Index i) {
        return v[static_cast<std::size_t>(i)];
    }

    /// A tile of so many points, lanes and outputs, with room after each point's rows.
    template <class Real>
    struct Problem {
        static constexpr Index entries = 3;
        LaneTile<Real> tile;
        std::vector<Real> gradOutput, column, weights;

        Real gradOf(Index point, Index output, Index lane) const {
            return at(gradOutput, point * tile.outLd + output * tile.lanes + lane);
        }
    };

    /// Calls `check(problem)` for tiles of every size.
    template <class Real, class Check>
    void forEverySize(Check check) {
        for (const Index points : {1, 4, 7}) {
            for (const Index lanes : {4, 12, 20, 64, 84}) {
                for (const Index outputs : {1, 3}) {
                    Problem<Real> p;
                    const Index outLd = outputs * lanes + 5, columnLd = p.entries * lanes + 3;
                    p.gradOutput = numbers<Real>(points * outLd);
                    p.column = numbers<Real>(points * columnLd);
                    p.weights = numbers<Real>(p.entries * outputs * lanes);
                    p.tile = {points, p.entries, outputs, lanes, p.gradOutput.data(),
                              outLd,  columnLd};
                    check(p);
                }
            }
        }
    }

    template <class Real>
    void lanesToColumn() {
        forEverySize<Real>([&](const Problem<Real>& p) {
            const LaneTile<Real>& t = p.tile;
            auto column = p.column;
            kernels<Real>().lanesToColumn(t, p.weights.data(), column.data());
            for (Index i = 0; i < t.points * t.columnLd; ++i) {
                const Index point = i / t.columnLd, entry = i % t.columnLd / t.lanes;
                const Index lane = i % t.columnLd % t.lanes;
                Real expected = entry < t.entries ? 0 : at(p.column, i);
                for (Index o = 0; entry < t.entries && o < t.outputs; ++o) {
                    expected += at(p.weights, (entry * t.outputs + o) * t.lanes + lane) *
                                p.gradOf(point, o, lane);
                }
                ASSERT_NEAR(at(column, i), expected, 1e-5);
            }
        });
    }

    template <class Real>
    void lanesToWeights() {
        forEverySize<Real>([&](const Problem<Real>& p) {
            const LaneTile<Real>& t = p.tile;
            auto weights = p.weights;
            kernels<Real>().lanesToWeights(t, p.column.data(), weights.data());
            for (Index i = 0; i < t.entries * t.outputs * t.lanes; ++i) {
                const Index entry = i / t.lanes / t.outputs, lane = i % t.lanes;
                Real expected = at(p.weights, i);
                for (Index point = 0; point < t.points; ++point) {
                    expected += p.gradOf(point, i / t.lanes % t.outputs, lane) *
                                at(p.column, point * t.columnLd + entry * t.lanes + lane);
                }
                ASSERT_NEAR(at(weights, i), expected, 1e-5);
            }
        });
    }
};

TEST_P(Lanes, LanesToColumn) {
    lanesToColumn<float>();
    lanesToColumn<double>();
}

TEST_P(Lanes, LanesToWeights) {
    lanesToWeights<float>();
    lanesToWeights<double>();
}

INSTANTIATE_TEST_SUITE_P(EverySet, Lanes, testing::ValuesIn(everySet()), nameOfSet);

}  // namespace
}  // namespace dcn4j::cpu
