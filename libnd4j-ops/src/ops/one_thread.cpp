// The libnd4j op dcn4j_one_thread, which lets the calling thread run ND4J's own ops alone.
//
// ND4J spreads a broadcast of a hundred numbers over threads, and waking one that sleeps takes 50
// microseconds. How many threads a parallel region gets is, where the region doesn't say it, a
// setting of the thread that opens it: so what others run at the same time goes on as before.
//
// libnd4j runs no op without arrays: this one has an input, which it doesn't read, and tells the
// number of threads.
#include "checked_op.h"

namespace dcn4j {
namespace {

struct Call {
    enum { Ask = -1, Together, Alone } wish;
};

class OneThreadOp final : public CheckedOp<Call> {
  public:
    OneThreadOp() : CheckedOp("dcn4j_one_thread", 1, 0, 1) {}

  protected:
    Call describe(const OpArguments& arguments) const override {
        if (arguments.integers.size() != 1) {
            refuse(name(), "integer arguments", "1 (alone)",
                   std::to_string(arguments.integers.size()));
        }
        switch (readInteger(name(), "alone", arguments.integers[0], -1, 1, "0, 1, or -1 to ask")) {
            case 0:
                return {Call::Together};
            case 1:
                return {Call::Alone};
            default:
                return {Call::Ask};
        }
    }

    std::vector<std::string> inputsOf(const Call&) const override { return {}; }

    std::vector<Output> outputsOf(const Call&) const override {
        return {{"threads", {1}, ElementType::Float32}};
    }

    void compute(const Call& call, const Execution& execution, const Arrays&,
                 const Arrays& out) const override {
        if (call.wish != Call::Ask) workAlone(call.wish == Call::Alone);
        const auto threads = static_cast<float>(threadsOfRegions());
        execution.write(&threads, sizeof threads, dataOf(*out[0]));
    }
};

const bool registered = registerOps({new OneThreadOp});

}  // namespace
}  // namespace dcn4j
