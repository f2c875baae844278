// The implementations of an op on the CPU, and the choice between them.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace dcn4j {

/// The implementations of an op: `Kernel` is its interface, whose `implementations()` lists those
/// that this processor runs.
template <class Kernel>
class Registry {
  public:
    /// Those that this processor runs, fastest first, the reference last. They are never destroyed:
    /// threads may still be at work when the process ends.
    static const std::vector<const Kernel*>& all() {
        static const auto& kernels = *new std::vector<const Kernel*>(Kernel::implementations());
        return kernels;
    }

    /// The kernel called `name`, or the fastest if `name` is null.
    /// Throws std::invalid_argument, naming DCN4J_KERNEL and the kernels there are, if there is
    /// none.
    static const Kernel& choose(const char* name) {
        if (name == nullptr) return *all().front();
        std::string known;
        for (const Kernel* kernel : all()) {
            if (std::string(name) == kernel->name()) return *kernel;
            known += known.empty() ? kernel->name() : std::string(", ") + kernel->name();
        }
        throw std::invalid_argument("environment variable DCN4J_KERNEL: expected one of " + known +
                                    " on this processor, got '" + name + "'");
    }

    /// The kernel that calls use: the fastest that this processor runs, or the one that the
    /// environment variable DCN4J_KERNEL names ("reference", "baseline", "avx2", "avx512",
    /// "zen4").
    /// Throws as `choose`.
    static const Kernel& chosen() {
        static const Kernel& kernel = choose(std::getenv("DCN4J_KERNEL"));
        return kernel;
    }
};

}  // namespace dcn4j
