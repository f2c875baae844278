// Stands in for the part of libnd4j that the ops use. So the CUDA ops can be tested where ND4J's
// own CUDA library does not run: without a GPU, or on one that is newer than its machine code;
// arrays have real device memory then, and the context a real stream. And so the CPU ops can be
// fuzzed under sanitizers, which ND4J's own library was not built with.
//
// What differs between the two is in libnd4j_stand_in_cuda.cpp and libnd4j_stand_in_cpu.cpp.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "../src/kernels/element.h"
#include "../src/libnd4j/libnd4j.h"
#include "../src/ops/arguments.h"
#include "shape_info.h"

namespace dcn4j::stand_in {

/// An array with a host and a device side, of which one may be behind the other. A fresh array has
/// a host side only.
class Array : public sd::NDArray {
  public:
    /// 'c' order, or the strides given, counted in elements; all elements zero. `offset` elements
    /// come before the first one in memory, and after the last.
    Array(ElementType type, const std::vector<Index>& sizes, std::vector<Index> strides = {},
          Index offset = 0)
        : sizes_(sizes), type_(type), flag_(flagOf(toDataType(type))), offset_(offset) {
        if (strides.empty()) {
            strides.resize(sizes.size());
            Index stride = 1;
            for (std::size_t d = sizes.size(); d-- > 0; stride *= sizes[d]) strides[d] = stride;
        }
        strides_ = strides;
        Index last = 0;
        for (std::size_t d = 0; d < sizes.size(); ++d) {
            if (sizes[d] == 0) return;
            last += (sizes[d] - 1) * strides[d];
        }
        host_.resize(static_cast<std::size_t>(last + 1 + 2 * offset) * elementBytes());
    }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array();

    const std::vector<Index>& sizes() const { return sizes_; }
    bool empty() const { return host_.empty(); }

    /// The host side, brought up to date where ND4J knows that it is behind.
    std::vector<double> values() {
        bringToHost();
        std::vector<double> all;
        forEach([&](auto& e) { all.push_back(static_cast<double>(widen(e))); });
        return all;
    }

    void set(const std::vector<double>& values) {
        std::size_t i = 0;
        forEach([&](auto& e) {
            using Element = std::decay_t<decltype(e)>;
            e = narrow<Element>(static_cast<ComputeType<Element>>(values[i++]));
        });
        hostIsNewer_ = true;
    }

    std::vector<sd::LongType> shapeInfo() const {
        std::vector<sd::LongType> info{static_cast<sd::LongType>(sizes_.size())};
        info.insert(info.end(), sizes_.begin(), sizes_.end());
        info.insert(info.end(), strides_.begin(), strides_.end());
        info.insert(info.end(), {flag_, 0, 'c'});
        return info;
    }

    /// Says that the elements are of another type than they are, by its flag in a shape info.
    void claimType(sd::LongType flag) { flag_ = flag; }

    /// The first element.
    void* host() {
        if (empty()) return nullptr;
        return host_.data() + static_cast<std::size_t>(offset_) * elementBytes();
    }
    void* device();

    void allocateOnDevice();
    void bringToDevice();
    void bringToHost();
    void writtenOnDevice() {
        deviceIsNewer_ = true;
        hostIsNewer_ = false;
    }

  private:
    std::size_t elementBytes() const {
        return type_ == ElementType::Float64 ? 8 : type_ == ElementType::Float32 ? 4 : 2;
    }

    template <class Action>
    void forEach(Action action) {
        if (empty()) return;
        withElementType(type_, [&](auto element) {
            using Element = decltype(element);
            auto* first = reinterpret_cast<Element*>(host_.data()) + offset_;
            std::vector<Index> at(sizes_.size(), 0);
            for (;;) {
                Index place = 0;
                for (std::size_t d = 0; d < at.size(); ++d) place += at[d] * strides_[d];
                action(first[place]);
                std::size_t d = at.size();
                while (d-- > 0 && ++at[d] == sizes_[d]) at[d] = 0;
                if (d == static_cast<std::size_t>(-1)) return;
            }
        });
    }

    const std::vector<Index> sizes_;
    std::vector<Index> strides_;
    const ElementType type_;
    sd::LongType flag_;
    const Index offset_;
    std::vector<unsigned char> host_;
    unsigned char* device_ = nullptr;
    bool hostIsNewer_ = true, deviceIsNewer_ = false;
};

/// One call's arguments.
class Context : public sd::graph::Context {
  public:
    std::vector<int> integers;
    std::vector<double> floats;
    std::vector<sd::NDArray*> inputs, outputs;
    sd::LaunchContext launch;
};

/// What libnd4j says: how many threads an op may use, and on CUDA the thread's device.
extern int maxThreads;
extern int currentDevice;

/// The shapes of a call's outputs, as the op calculates them.
std::vector<std::vector<Index>> outputShapes(const std::string& op, Context& context);

/// Runs a registered op on a context's arrays.
void run(const std::string& op, Context& context);

}  // namespace dcn4j::stand_in
