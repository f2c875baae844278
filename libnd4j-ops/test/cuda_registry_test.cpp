// The CUDA library's ops in the registry of the real libnd4jcuda.so, on a machine that may have no
// GPU. A few of libnd4j's functions need one and are replaced, here and in
// libnd4j_stand_in_shapes.cpp; the dynamic linker prefers a program's own.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "../src/libnd4j/libnd4j.h"

// sd::LaunchContext::defaultContext(): the real one makes streams.
extern "C" void* defaultContext() asm("_ZN2sd13LaunchContext14defaultContextEv");
void* defaultContext() {
    static char context[256];
    return context;
}

// sd::graph::Context::Context(int, VariableSpace*), which the ops don't use.
extern "C" void makeContext(void* memory, int node,
                            void* variables) asm("_ZN2sd5graph7ContextC1EiPNS0_13VariableSpaceE");

namespace {

using Sizes = std::vector<sd::LongType>;

/// The shapes of an op's outputs for inputs of these sizes and type, as ND4J asks for them.
std::vector<Sizes> outputShapes(const char* op, const std::vector<Sizes>& inputs,
                                const std::vector<int>& integers,
                                const std::vector<double>& floats = {}) {
    alignas(64) static char memory[4096];
    makeContext(memory, 1, nullptr);
    auto* context = reinterpret_cast<sd::graph::Context*>(memory);
    *context->getIArguments() = integers;
    *context->getTArguments() = floats;
    std::vector<const sd::LongType*> infos;
    for (const Sizes& sizes : inputs) {
        infos.push_back(sd::ConstantShapeHelper::getInstance().createShapeInfo(
            sd::FLOAT32, 'c', static_cast<int>(sizes.size()), sizes.data()));
    }
    sd::ShapeList list(infos);
    sd::ops::DeclarableOp* found = sd::ops::OpRegistrator::getInstance().getOperation(op);
    std::vector<Sizes> result;
    if (found == nullptr) return result;
    const std::unique_ptr<sd::ShapeList> shapes(found->calculateOutputShape(&list, *context));
    for (int i = 0; i < shapes->size(); ++i) {
        const sd::LongType* info = shapes->at(i);
        result.emplace_back(info + 1, info + 1 + info[0]);
    }
    return result;
}

/// The ops are there once their library is.
class CudaRegistry : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(dlopen(DCN4J_LIBRARY, RTLD_NOW | RTLD_LOCAL), nullptr) << dlerror();
    }
};

TEST_F(CudaRegistry, OpsSayTheShapesOfTheirOutputs) {
    const Sizes input{2, 6, 9, 8}, weights{4, 3, 3, 3}, offset{2, 36, 5, 4}, mask{2, 18, 5, 4},
        bias{4}, output{2, 4, 5, 4};
    const std::vector<int> integers{3, 3, 2, 2, 1, 1, 1, 1, 0, 0, 2, 2};
    using Shapes = std::vector<Sizes>;
    EXPECT_EQ(outputShapes("deformable_conv2d", {input, weights, offset, mask, bias}, integers),
              Shapes({output}));
    EXPECT_EQ(outputShapes("deformable_conv2d_bp", {input, weights, offset, mask, bias, output},
                           integers),
              Shapes({input, weights, offset, mask, bias}));
    EXPECT_EQ(outputShapes("dcn4j_conv2d", {input, weights, bias}, integers), Shapes({output}));
    EXPECT_EQ(outputShapes("dcn4j_conv2d_bp", {input, weights, bias, output}, integers),
              Shapes({input, weights, bias}));

    const Sizes features{1, 32, 16, 16}, rois{20, 5}, trans{20, 2, 7, 7}, pooled{20, 32, 7, 7};
    EXPECT_EQ(outputShapes("deformable_psroi_pooling", {features, rois, trans}, {32, 1, 7, 7, 4},
                           {0.25, 0.1}),
              Shapes({pooled, pooled}));
    EXPECT_EQ(outputShapes("deformable_psroi_pooling_bp", {features, rois, trans, pooled, pooled},
                           {32, 1, 7, 7, 4}, {0.25, 0.1}),
              Shapes({features, trans}));
}

TEST_F(CudaRegistry, BadShapesAreRefused) {
    EXPECT_THROW(outputShapes("deformable_conv2d", {{1, 2, 3}, {1, 1, 1, 1}, {1, 2, 3, 3}},
                              {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}),
                 std::invalid_argument);
}

}  // namespace
