// Functions of single numbers: the arrays' numbers are taken in chunks, in the order of their
// indices, which are loaded, worked on and stored, whatever their type and strides.
#include "pointwise.h"

#include <algorithm>

#include "../isa.h"
#include "../packing.h"
#include "../team.h"

namespace dcn4j::cpu {
namespace {

/// A multiple of any vector's numbers.
constexpr Index chunkNumbers = 256;

/// The arrays of a call, with the last dimensions made one where that is one row in each of them.
template <class Element, int Count>
class Walk {
  public:
    using Real = ComputeType<Element>;

    Walk(const MicroKernels<Real>& kernels, const PointwiseShape& shape,
         const Tensor<4> (&arrays)[Count])
        : kernels_(kernels), count_(shape.count()) {
        std::copy_n(shape.sizes, 4, sizes_);
        std::copy_n(arrays, Count, arrays_);
        for (int d = 2; d >= 0 && isOneRow(d); --d) {
            sizes_[3] *= sizes_[d];
            sizes_[d] = 1;
        }
    }

    /// Calls `work(numbers)` for chunks of numbers of every array but the last, which it makes
    /// those of the last of, in the place of the first.
    template <class Work>
    void run(int mostThreads, Work work) const {
        const int threads = threadsFor(mostThreads, ceilDivide(count_, chunkNumbers));
        Team team(threads);
#pragma omp parallel num_threads(threads)
        {
            team.join();
#pragma omp for schedule(static)
            for (Index first = 0; first < count_; first += chunkNumbers) {
                const Index count = std::min(chunkNumbers, count_ - first);
                Real numbers[Count - 1][chunkNumbers];
                for (int i = 0; i < Count - 1; ++i) {
                    forEachSpan(arrays_[i], first, count, [&](Element* at, Index span, Index done) {
                        loadRow(kernels_, at, arrays_[i].strides[3], span, numbers[i] + done);
                    });
                    std::fill(numbers[i] + count, numbers[i] + chunkNumbers, Real{0});
                }
                work(count, numbers);
                const Tensor<4>& to = arrays_[Count - 1];
                forEachSpan(to, first, count, [&](Element* at, Index span, Index done) {
                    storeRow(kernels_, at, to.strides[3], span, numbers[0] + done);
                });
            }
        }
    }

  private:
    /// Whether dimension `d` goes on where what follows it, which is a row, ends.
    bool isOneRow(int d) const {
        return std::all_of(arrays_, arrays_ + Count, [&](const Tensor<4>& t) {
            return sizes_[d] == 1 || t.strides[d] == sizes_[3] * t.strides[3];
        });
    }

    template <class Action>
    void forEachSpan(const Tensor<4>& t, Index first, Index count, Action action) const {
        Index at[4];
        for (int d = 3; d >= 0; first /= sizes_[d--]) at[d] = first % sizes_[d];
        for (Index done = 0; done < count;) {
            const Index span = std::min(count - done, sizes_[3] - at[3]);
            action(elementsOf<Element>(t) + t.at(at[0], at[1], at[2], at[3]), span, done);
            done += span;
            at[3] += span;
            for (int d = 3; d > 0 && at[d] == sizes_[d]; --d) {
                at[d] = 0;
                ++at[d - 1];
            }
        }
    }

    const MicroKernels<Real>& kernels_;
    const Index count_;
    Index sizes_[4];
    Tensor<4> arrays_[Count];
};

/// Calls `work(kernels, count, numbers)` for chunks of the arrays, of the type they have.
template <int Count, class Work>
void forEachChunk(const InstructionSet& set, const PointwiseShape& shape,
                  const Tensor<4> (&arrays)[Count], int threads, Work work) {
    withElementType(shape.type, [&](auto element) {
        using Element = decltype(element);
        const auto& kernels = set.kernels.of<ComputeType<Element>>();
        Walk<Element, Count>(kernels, shape, arrays).run(threads, [&](Index count, auto& numbers) {
            work(kernels, count, numbers);
        });
    });
}

}  // namespace

void ChunkedPointwise::sigmoid(const PointwiseShape& shape, const Tensor<4>& from,
                               const Tensor<4>& to, int threads) const {
    forEachChunk(set_, shape, {from, to}, threads,
                 [](const auto& kernels, Index count, auto& numbers) {
                     kernels.sigmoid(count, numbers[0]);
                 });
}

void ChunkedPointwise::sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                                       const Tensor<4>& gradient, const Tensor<4>& to,
                                       int threads) const {
    forEachChunk(set_, shape, {gradient, sigmoid, to}, threads,
                 [](const auto&, Index, auto& numbers) {
                     for (Index i = 0; i < chunkNumbers; ++i) {
                         numbers[0][i] *= numbers[1][i] * (1 - numbers[1][i]);
                     }
                 });
}

}  // namespace dcn4j::cpu

namespace dcn4j {

std::vector<const PointwiseKernel*> PointwiseKernel::implementations() {
    return cpu::everyKernel<cpu::ChunkedPointwise>(referencePointwise());
}

}  // namespace dcn4j
