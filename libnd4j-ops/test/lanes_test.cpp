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

    template <class Real>
    void multiply(Index points, Index lanes, Index outputs) {
        constexpr Index entries = 3;
        const Index outLd = outputs * lanes + 5, columnLd = entries * lanes + 3;
        const auto grad = numbers<Real>(points * outLd), column = numbers<Real>(points * columnLd);
        const auto weights = numbers<Real>(entries * outputs * lanes);
        const LaneTile<Real> t{points, entries, outputs, lanes, grad.data(), outLd, columnLd};
        auto gradColumn = column, gradWeights = weights;
        kernels<Real>().lanesToColumn(t, weights.data(), gradColumn.data());
        kernels<Real>().lanesToWeights(t, column.data(), gradWeights.data());
        for (Index p = 0; p < points; ++p) {
            for (Index i = 0; i < columnLd; ++i) {
                Real sum = i < entries * lanes ? 0 : at(column, p * columnLd + i);
                for (Index o = 0; i < entries * lanes && o < outputs; ++o) {
                    sum += at(weights, (i / lanes * outputs + o) * lanes + i % lanes) *
                           at(grad, p * outLd + o * lanes + i % lanes);
                }
                ASSERT_NEAR(at(gradColumn, p * columnLd + i), sum, 1e-5);
            }
        }
        for (Index i = 0; i < entries * outputs * lanes; ++i) {
            const Index entry = i / lanes / outputs, o = i / lanes % outputs, lane = i % lanes;
            Real sum = at(weights, i);
            for (Index p = 0; p < points; ++p) {
                sum += at(grad, p * outLd + o * lanes + lane) *
                       at(column, p * columnLd + entry * lanes + lane);
            }
            ASSERT_NEAR(at(gradWeights, i), sum, 1e-5);
        }
    }

    template <class Real>
    void everySize() {
        for (const Index points : {1, 4, 7}) {
            for (const Index lanes : {4, 12, 20, 64, 84}) {
                for (const Index outputs : {1, 3}) multiply<Real>(points, lanes, outputs);
            }
        }
    }
};

TEST_P(Lanes, MultiplyInEverySize) {
    everySize<float>();
    everySize<double>();
}

INSTANTIATE_TEST_SUITE_P(EverySet, Lanes, testing::ValuesIn(everySet()), nameOfSet);

}  // namespace
}  // namespace dcn4j::cpu
