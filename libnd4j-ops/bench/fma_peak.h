// The rate of fused multiply-adds that nothing but the processor bounds.
#pragma once

namespace dcn4j {

/// Floating-point operations a second of `threads` threads in float, in the widest vectors that the
/// processor has, from registers alone: some 20 ms of work. A multiply-add counts as two.
double fmaPeak(int threads);

}  // namespace dcn4j
