// The part of libnd4j 1.0.0-M2.1 that the ops use, declared by hand.
//
// ND4J publishes its native library without headers. These declarations name the same classes in
// the same namespaces with the same members, so that the compiler emits the same symbols and
// vtable slots as ND4J's own build did. test/libnd4j_abi_test.cpp compares them with the real
// libnd4jcpu.so (and libnd4jcuda.so, where that is at hand): slot order, member offsets, and every
// symbol used. Declare nothing here that the ops don't use.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace samediff {

// What DeclarableOp::execute does with a call that has an empty input.
enum EmptyHandling { EMPTY_SKIP = 1, EMPTY_EXCEPTION = 2, EMPTY_EXECUTE = 3 };

}  // namespace samediff

namespace sd {

using LongType = long long;

enum DataType { HALF = 3, FLOAT32 = 5, DOUBLE = 6, BFLOAT16 = 17 };

enum class Status : int { OK = 0 };

class Environment {
  public:
    static Environment& getInstance();
    int maxThreads();
};

class NDArray {
  public:
    // The host address of element `offset`, counted from the array's own first element (a view's
    // too).
    void* bufferWithOffset(LongType offset);
    // Shape info: rank, sizes[rank], strides[rank], flags (element type and emptiness),
    // elementwise stride, order ('c' or 'f'). platformShapeInfo() would spare the copy, but on
    // CUDA it is an address in device memory.
    std::vector<LongType> getShapeInfoAsVector() const;

    // From here on for CUDA only.
    // The device address of the array's own first element.
    void* specialBuffer();
    // Brings arrays up to date in device memory before kernels use them, and says afterwards that
    // the written ones are newer there.
    static void prepareSpecialUse(const std::vector<const NDArray*>& written,
                                  const std::vector<const NDArray*>& read, bool synchronizeWritten);
    static void registerSpecialUse(const std::vector<const NDArray*>& written,
                                   const std::vector<const NDArray*>& read);
};

// CUDA: the streams of a thread, on its current device.
class LaunchContext {
  public:
    // The address of a cudaStream_t.
    void* getCudaStream() const;
};

// CUDA: which device a thread uses.
class AffinityManager {
  public:
    static int currentDeviceId();
};

// Shape infos returned from calculateOutputShape; the library deletes the list with its own
// destructor. `reserved_` makes room for its flags.
class ShapeList {
  public:
    explicit ShapeList(const std::vector<const LongType*>& shapes);
    int size() const;
    const LongType* at(int index);

  private:
    std::vector<const LongType*> shapes_;
    [[maybe_unused]] char reserved_[40];
};

class ConstantShapeHelper {
  public:
    static ConstantShapeHelper& getInstance();
    // The canonical shape info of a new array; owned by the library for ever.
    const LongType* createShapeInfo(DataType type, char order, int rank, const LongType* sizes);
};

namespace graph {

class ContextPrototype {
  public:
    std::vector<double>* getTArguments();
    std::vector<int>* getIArguments();
};

class Context : public ContextPrototype {
  public:
    // The number of inputs.
    unsigned long width();
    NDArray* array(int index);
    // The outputs that the caller provided, if any.
    std::vector<NDArray*>& fastpath_out();
    LaunchContext* launchContext();
};

}  // namespace graph

namespace ops {

class OpDescriptor;

class DeclarableOp {
  public:
    // Public in libnd4j too; used by the ABI test.
    std::string* getOpName();
    OpDescriptor* getOpDescriptor();

  protected:
    NDArray* getZ(graph::Context& context, int output);

  private:
    std::mutex registrator_;
    bool registered_;
    std::string name_;

  protected:
    OpDescriptor* descriptor_;
    NDArray* scalar_;

    virtual void registerTypes();
    virtual Status validateAndExecute(graph::Context& context) = 0;
    virtual samediff::EmptyHandling emptyHandling();

  public:
    virtual ~DeclarableOp();
    virtual Status validateDataTypes(graph::Context& context);
    virtual ShapeList* calculateOutputShape(ShapeList* inputs, graph::Context& context) = 0;
    virtual Status execute(graph::Context* context);
};

class DeclarableCustomOp : public DeclarableOp {
  public:
    DeclarableCustomOp(int inputs, int outputs, const char* name, bool inplace, int tArguments,
                       int iArguments);
};

class OpRegistrator {
  public:
    static OpRegistrator& getInstance();
    bool registerOperation(DeclarableOp* op);
    DeclarableOp* getOperation(const char* name);
};

}  // namespace ops
}  // namespace sd
