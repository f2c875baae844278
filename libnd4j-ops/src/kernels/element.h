// Conversion between the element types of arrays and the types that the kernels compute in.
//
// Float16 and BFloat16 exist only in memory: every load widens to float, every store rounds once to
// the nearest value, ties to even, as IEEE 754 asks.
#pragma once

#include <cstdint>
#include <cstring>

#include "tensor.h"

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

namespace dcn4j {

struct Float16 {
    std::uint16_t bits;
};

struct BFloat16 {
    std::uint16_t bits;
};

DCN4J_HOST_DEVICE inline std::uint32_t bitsOf(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

DCN4J_HOST_DEVICE inline float floatOf(std::uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

DCN4J_HOST_DEVICE inline float widen(float value) {
    return value;
}
DCN4J_HOST_DEVICE inline double widen(double value) {
    return value;
}
DCN4J_HOST_DEVICE inline float widen(BFloat16 value) {
    return floatOf(std::uint32_t{value.bits} << 16);
}

DCN4J_HOST_DEVICE inline float widen(Float16 value) {
#if defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(value.bits));
#else
    const std::uint32_t sign = (value.bits & 0x8000u) << 16;
    const std::uint32_t magnitude = value.bits & 0x7fffu;
    // Scaling by 2^112 moves the exponent from bias 15 to bias 127 and normalises subnormals.
    const float scaled = floatOf(magnitude << 13) * 0x1p112f;
    const std::uint32_t finite = bitsOf(scaled);
    const std::uint32_t special = 0x7f800000u | (magnitude << 13);
    return floatOf(sign | (magnitude >= 0x7c00u ? special : finite));
#endif
}

template <class Element>
DCN4J_HOST_DEVICE Element narrow(float value);
template <class Element>
DCN4J_HOST_DEVICE Element narrow(double value);

template <>
DCN4J_HOST_DEVICE inline float narrow<float>(float value) {
    return value;
}
template <>
DCN4J_HOST_DEVICE inline double narrow<double>(double value) {
    return value;
}

template <>
DCN4J_HOST_DEVICE inline BFloat16 narrow<BFloat16>(float value) {
    const std::uint32_t bits = bitsOf(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {  // NaN stays NaN: rounding could carry it to infinity
        return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
    }
    return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

template <>
DCN4J_HOST_DEVICE inline Float16 narrow<Float16>(float value) {
#if defined(__CUDA_ARCH__)
    return {__half_as_ushort(__float2half_rn(value))};
#else
    const std::uint32_t bits = bitsOf(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    std::uint32_t half;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00u;
    } else if (magnitude >= 0x477ff000u) {  // 65520 and more round to infinity
        half = 0x7c00u;
    } else if (magnitude < 0x38800000u) {  // below 2^-14: subnormal; this addition rounds it
        half = bitsOf(floatOf(magnitude) + 0.5f) - bitsOf(0.5f);
    } else {
        half = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    }
    return {static_cast<std::uint16_t>(sign | half)};
#endif
}

/// The type that a kernel computes in for elements of a type: half types accumulate in float.
template <class Element>
struct ComputeTypeOf {
    using Type = float;
};
template <>
struct ComputeTypeOf<double> {
    using Type = double;
};
template <class Element>
using ComputeType = typename ComputeTypeOf<Element>::Type;

/// Calls `action(Element{})` with a value of the C++ type that `type` stands for.
#if defined(__CUDACC__)
#pragma nv_exec_check_disable  // on a device with actions of the device, on the host with its own
#endif
template <class Action>
DCN4J_HOST_DEVICE void withElementType(ElementType type, Action&& action) {
    switch (type) {
        case ElementType::Float32:
            return action(float{});
        case ElementType::Float64:
            return action(double{});
        case ElementType::Float16:
            return action(Float16{});
        case ElementType::BFloat16:
            return action(BFloat16{});
    }
}

}  // namespace dcn4j
