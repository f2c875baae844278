// The forward pass: tasks are (image, groups, tile of output pixels).
#pragma once

#include "pass.h"

namespace dcn4j::cpu::aggregation {

/// One forward call.
template <class Element>
class Forward : Pass<Element> {
    using Base = Pass<Element>;
    using typename Base::Real;

  public:
    Forward(const InstructionSet& set, const AggregationCall& call, int threads)
        : Base(set, call, threads, waveNumbers, Base::unlimited) {}

    void run() {
        this->forEachImage(
            [&](const Place& at, Index i) {
                const Tile t = this->tileOf(at, i);
                const auto s = this->scratch();
                Real* const output = this->packed(this->call_.output, t, s.output);
                this->kernels_.aggregate(this->locate(t, s), output);
                if (output == s.output) this->store(this->call_.output, t, output);
            },
            [](const Place&, Index) {});
    }

  private:
    /// Threads wait for one another in every wave of images.
    static constexpr Index waveNumbers = Index{1} << 21;
};

}  // namespace dcn4j::cpu::aggregation
