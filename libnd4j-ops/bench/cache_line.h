// How far two threads are from one another.
#pragma once

namespace dcn4j {

/// Nanoseconds that a cache line takes from one of two threads to the other.
double cacheLineNanoseconds();

}  // namespace dcn4j
