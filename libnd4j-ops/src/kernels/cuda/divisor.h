// Division by a number that is known before a kernel starts.
#pragma once

#include "device.h"

namespace dcn4j::cuda {

/// Divides integers of 0 .. 2^31 - 1 by one of 1 .. 2^31 - 1, with a multiplication, an addition
/// and a shift where a division takes some twenty instructions (Granlund and Montgomery, Division
/// by Invariant Integers using Multiplication, PLDI 1994, figure 4.1).
class Divisor {
  public:
    explicit Divisor(Index divisor) : divisor_(static_cast<int>(divisor)) {
        while ((Index{1} << shift_) < divisor) ++shift_;
        const auto power = std::uint64_t{1} << shift_;
        const auto d = static_cast<std::uint64_t>(divisor);
        multiplier_ = static_cast<std::uint32_t>((power - d) * (std::uint64_t{1} << 32) / d + 1);
    }

    DCN4J_HOST_DEVICE int divisor() const { return divisor_; }

    DCN4J_HOST_DEVICE int quotient(int number) const {
        const auto n = static_cast<std::uint32_t>(number);
        const auto high = static_cast<std::uint32_t>(std::uint64_t{n} * multiplier_ >> 32);
        return static_cast<int>((high + n) >> shift_);
    }

    /// Replaces `number` by its remainder and returns the quotient.
    DCN4J_HOST_DEVICE int divide(int& number) const {
        const int q = quotient(number);
        number -= q * divisor_;
        return q;
    }

  private:
    int divisor_, shift_ = 0;
    std::uint32_t multiplier_ = 0;
};

}  // namespace dcn4j::cuda
