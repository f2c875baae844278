#include "checked_op.h"

#include "overlap.h"

namespace dcn4j {

void refuseNumbers(const std::string& op, const OpArguments& arguments) {
    if (arguments.integers.empty() && arguments.floats.empty()) return;
    refuse(op, "arguments", "no integers and no floats",
           std::to_string(arguments.integers.size()) + " integers and " +
               std::to_string(arguments.floats.size()) + " floats");
}

void checkOutput(const std::string& op, const Output& expected, const ArrayShape& shape) {
    checkSizes(op, expected.name, shape, expected.sizes);
    checkType(op, expected.name, shape, expected.type);
    if (shape.hasZeroStride()) {
        refuse(op, expected.name, "an array whose elements have places of their own",
               "a broadcast view");
    }
}

void refuseOverlap(const std::string& op, const Named& output, const Named& other) {
    if (mayOverlap(output.data, output.shape, other.data, other.shape)) {
        refuse(op, output.name, "memory of its own", "memory that it shares with " + other.name);
    }
}

bool registerOps(std::initializer_list<sd::ops::DeclarableOp*> ops) {
    for (sd::ops::DeclarableOp* op : ops) {
        sd::ops::OpRegistrator::getInstance().registerOperation(op);
    }
    return true;
}

sd::ShapeList* shapesOf(const std::vector<Output>& outputs) {
    std::vector<const sd::LongType*> infos;
    for (const Output& output : outputs) {
        const std::vector<sd::LongType> sizes(output.sizes.begin(), output.sizes.end());
        infos.push_back(sd::ConstantShapeHelper::getInstance().createShapeInfo(
            toDataType(output.type), 'c', static_cast<int>(sizes.size()), sizes.data()));
    }
    return new sd::ShapeList(infos);
}

PointwiseShape pointwiseShape(const ArrayShape& shape) {
    PointwiseShape s{shape.type(), {}};
    std::copy_n(shape.sizes().begin(), 4, s.sizes);
    return s;
}

}  // namespace dcn4j
