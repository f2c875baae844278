// Reading and checking the arguments of an op call.
//
// Every check throws std::invalid_argument whose message reads "op: argument: expected ..., got
// ..."; ND4J passes it on to Java.
#pragma once

#include <string>
#include <vector>

#include "../kernels/tensor.h"
#include "../libnd4j/libnd4j.h"

namespace dcn4j {

/// What a libnd4j shape info says of an array.
class ArrayShape {
  public:
    explicit ArrayShape(const sd::LongType* shapeInfo);

    int rank() const { return static_cast<int>(sizes_.size()); }
    const std::vector<Index>& sizes() const { return sizes_; }
    const std::vector<Index>& strides() const { return strides_; }
    bool isFloating() const { return floating_; }
    ElementType type() const { return type_; }
    const std::string& typeName() const { return typeName_; }
    /// Of an element; 0 of a type that is not known.
    Index elementBytes() const { return elementBytes_; }
    /// True if several elements share one place in memory: a broadcast view.
    bool hasZeroStride() const;

  private:
    std::vector<Index> sizes_, strides_;
    bool floating_;
    ElementType type_;
    std::string typeName_;
    Index elementBytes_;
};

/// What libnd4j says of an array.
ArrayShape shapeOf(const sd::NDArray& array);

/// True unless a dimension of the array is 0.
bool hasElements(const sd::NDArray& array);

/// Whether sizes multiply to more than 2^48, empty ones left out (an array of no images may be of
/// images of any size). No memory holds so much; and below, what the kernels make of the sizes of
/// their arrays fits an Index.
bool tooLong(const std::vector<Index>& sizes);

/// "[2, 3, 4]"
std::string toString(const std::vector<Index>& sizes);

sd::DataType toDataType(ElementType type);

/// Throws std::invalid_argument("op: argument: expected E, got G").
[[noreturn]] void refuse(const std::string& op, const std::string& argument,
                         const std::string& expected, const std::string& got);

/// Checks that the shape has these sizes; `note` explains them.
void checkSizes(const std::string& op, const std::string& argument, const ArrayShape& shape,
                const std::vector<Index>& expected, const std::string& note = "");

/// Whether the first dimension of an array may be empty: the images of a batch, or the rois.
enum class First { MayBeEmpty, NotEmpty };

/// Checks that the array has a rank, that no dimension is empty but perhaps the first, and that
/// it is not too long.
void checkRank(const std::string& op, const std::string& argument, const ArrayShape& shape,
               int rank, const std::string& dimensions, First first = First::MayBeEmpty);

/// Checks that the type is one of the four floating point types, or is `type`; `note` says why.
void checkFloating(const std::string& op, const std::string& argument, const ArrayShape& shape);
void checkType(const std::string& op, const std::string& argument, const ArrayShape& shape,
               ElementType type, const std::string& note = "as the input");

/// Reads an integer argument that must be in least .. most; `range` says so in the message.
Index readInteger(const std::string& op, const std::string& argument, int value, Index least,
                  Index most, const std::string& range);
/// Reads an integer argument that must be 1 or more.
Index readSize(const std::string& op, const std::string& argument, int value);
/// Reads a floating point argument that must be finite in what arrays of `type` are computed in.
double readFinite(const std::string& op, const std::string& argument, double value,
                  ElementType type);

}  // namespace dcn4j
