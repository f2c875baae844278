#include "arguments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace dcn4j {
namespace {

// Flags of a shape info that give the element type (libnd4j 1.0.0-M2.1).
constexpr sd::LongType unsignedFlag = 8388608;
constexpr struct {
    sd::LongType flag;
    const char* name;
    Index bytes;
    bool floating;
    ElementType type;
} elementTypes[] = {
    {8192, "FLOAT", 4, true, ElementType::Float32},
    {16384, "DOUBLE", 8, true, ElementType::Float64},
    {4096, "HALF", 2, true, ElementType::Float16},
    {2048, "BFLOAT16", 2, true, ElementType::BFloat16},
    {32768, "BYTE", 1, false, {}},
    {65536, "SHORT", 2, false, {}},
    {131072, "INT", 4, false, {}},
    {262144, "LONG", 8, false, {}},
    {524288, "BOOL", 1, false, {}},
};

std::string nameOf(ElementType type) {
    for (const auto& known : elementTypes) {
        if (known.floating && known.type == type) return known.name;
    }
    throw std::logic_error("unknown element type");
}

}  // namespace

bool tooLong(const std::vector<Index>& sizes) {
    double length = 1;
    for (const Index size : sizes) length *= static_cast<double>(std::max<Index>(size, 1));
    return length > 0x1p48;
}

ArrayShape::ArrayShape(const sd::LongType* info)
    : floating_(false), type_(ElementType::Float32), typeName_("another type"), elementBytes_(0) {
    const sd::LongType rank = info[0];
    sizes_.assign(info + 1, info + 1 + rank);
    strides_.assign(info + 1 + rank, info + 1 + 2 * rank);
    const sd::LongType flags = info[1 + 2 * rank];
    for (const auto& known : elementTypes) {
        if ((flags & known.flag) == 0) continue;
        floating_ = known.floating;
        type_ = known.type;
        elementBytes_ = known.bytes;
        typeName_ = ((flags & unsignedFlag) != 0 ? "unsigned " : "") + std::string(known.name);
        break;
    }
}

bool ArrayShape::hasZeroStride() const {
    bool zeroStride = false;
    for (std::size_t d = 0; d < sizes_.size(); ++d) {
        if (sizes_[d] == 0) return false;
        if (sizes_[d] > 1 && strides_[d] == 0) zeroStride = true;
    }
    return zeroStride;
}

ArrayShape shapeOf(const sd::NDArray& array) {
    return ArrayShape(array.getShapeInfoAsVector().data());
}

bool hasElements(const sd::NDArray& array) {
    const ArrayShape shape = shapeOf(array);
    for (Index size : shape.sizes()) {
        if (size == 0) return false;
    }
    return true;
}

std::string toString(const std::vector<Index>& sizes) {
    std::string text = "[";
    for (std::size_t d = 0; d < sizes.size(); ++d) {
        text += (d == 0 ? "" : ", ") + std::to_string(sizes[d]);
    }
    return text + "]";
}

sd::DataType toDataType(ElementType type) {
    switch (type) {
        case ElementType::Float32:
            return sd::FLOAT32;
        case ElementType::Float64:
            return sd::DOUBLE;
        case ElementType::Float16:
            return sd::HALF;
        case ElementType::BFloat16:
            return sd::BFLOAT16;
    }
    throw std::logic_error("unknown element type");
}

void refuse(const std::string& op, const std::string& argument, const std::string& expected,
            const std::string& got) {
    throw std::invalid_argument(op + ": " + argument + ": expected " + expected + ", got " + got);
}

void checkSizes(const std::string& op, const std::string& argument, const ArrayShape& shape,
                const std::vector<Index>& expected, const std::string& note) {
    if (shape.sizes() == expected) return;
    refuse(op, argument, toString(expected) + (note.empty() ? "" : " (" + note + ")"),
           toString(shape.sizes()));
}

void checkRank(const std::string& op, const std::string& argument, const ArrayShape& shape,
               int rank, const std::string& dimensions, First first) {
    if (shape.rank() != rank) {
        refuse(op, argument, "rank " + std::to_string(rank) + " " + dimensions,
               "rank " + std::to_string(shape.rank()) + " " + toString(shape.sizes()));
    }
    for (int d = 0; d < rank; ++d) {
        const bool mayBeEmpty = d == 0 && first == First::MayBeEmpty;
        if (!mayBeEmpty && shape.sizes()[static_cast<std::size_t>(d)] < 1) {
            refuse(op, argument, "no empty dimension in " + dimensions, toString(shape.sizes()));
        }
    }
    if (tooLong(shape.sizes())) {
        refuse(op, argument, "at most 2^48 elements", toString(shape.sizes()));
    }
}

void checkFloating(const std::string& op, const std::string& argument, const ArrayShape& shape) {
    if (!shape.isFloating()) {
        refuse(op, argument, "type FLOAT, DOUBLE, HALF or BFLOAT16", shape.typeName());
    }
}

void checkType(const std::string& op, const std::string& argument, const ArrayShape& shape,
               ElementType type, const std::string& note) {
    if (shape.isFloating() && shape.type() == type) return;
    refuse(op, argument, "type " + nameOf(type) + (note.empty() ? "" : " " + note),
           shape.typeName());
}

Index readInteger(const std::string& op, const std::string& argument, int value, Index least,
                  Index most, const std::string& range) {
    if (value < least || value > most) refuse(op, argument, range, std::to_string(value));
    return value;
}

Index readSize(const std::string& op, const std::string& argument, int value) {
    return readInteger(op, argument, value, 1, std::numeric_limits<std::int32_t>::max(),
                       "1 to 2147483647");
}

double readFinite(const std::string& op, const std::string& argument, double value,
                  ElementType type) {
    const bool isDouble = type == ElementType::Float64;
    const double most =
        isDouble ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
    if (std::abs(value) <= most) return value;
    refuse(op, argument, "a finite number",
           std::to_string(value) + (isDouble ? "" : ", computed in FLOAT"));
}

}  // namespace dcn4j
