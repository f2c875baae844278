// What a kernel wrote.
#pragma once

#include <string>
#include <vector>

#include "array.h"

namespace dcn4j {

/// One array of a problem, after forward and backward.
struct Result {
    std::string name;
    std::vector<double> values;
    bool guardsIntact;
};

template <class Element>
Result resultOf(const char* name, Array<Element>& array) {
    return {name, array.values(), array.guardsIntact()};
}

/// Lets a kernel do forward and backward: what it wrote.
template <class Problem, class Kernel>
std::vector<Result> forwardAndBackward(Problem& problem, const Kernel& kernel, int threads = 2) {
    problem.forward(kernel, threads);
    problem.backward(kernel, threads);
    return problem.results();
}

}  // namespace dcn4j
