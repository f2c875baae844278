#include "libnd4j_stand_in.h"

#include <list>
#include <map>
#include <memory>
#include <stdexcept>

namespace dcn4j::stand_in {
namespace {

Array& arrayOf(const sd::NDArray& array) {
    return const_cast<Array&>(static_cast<const Array&>(array));
}

Context& contextOf(sd::graph::ContextPrototype& context) {
    return static_cast<Context&>(static_cast<sd::graph::Context&>(context));
}

std::map<std::string, sd::ops::DeclarableOp*>& registry() {
    static auto& ops = *new std::map<std::string, sd::ops::DeclarableOp*>;  // kept for ever
    return ops;
}

sd::ops::DeclarableOp& find(const std::string& op) {
    const auto found = registry().find(op);
    if (found == registry().end()) throw std::logic_error("no op is called " + op);
    return *found->second;
}

}  // namespace

int maxThreads = 1;

std::vector<std::vector<Index>> outputShapes(const std::string& op, Context& context) {
    std::list<std::vector<sd::LongType>> infos;
    std::vector<const sd::LongType*> inputs;
    for (const sd::NDArray* input : context.inputs) {
        infos.push_back(arrayOf(*input).shapeInfo());
        inputs.push_back(infos.back().data());
    }
    sd::ShapeList list(inputs);
    const std::unique_ptr<sd::ShapeList> shapes(find(op).calculateOutputShape(&list, context));
    std::vector<std::vector<Index>> sizes;
    for (int i = 0; i < shapes->size(); ++i) {
        const sd::LongType* info = shapes->at(i);
        sizes.emplace_back(info + 1, info + 1 + info[0]);
    }
    return sizes;
}

void run(const std::string& op, Context& context) {
    outputShapes(op, context);
    find(op).execute(&context);
}

}  // namespace dcn4j::stand_in

namespace sd {

using dcn4j::stand_in::arrayOf;
using dcn4j::stand_in::contextOf;

Environment& Environment::getInstance() {
    static Environment instance;
    return instance;
}
int Environment::maxThreads() {
    return dcn4j::stand_in::maxThreads;
}

std::vector<LongType> NDArray::getShapeInfoAsVector() const {
    return arrayOf(*this).shapeInfo();
}
ShapeList::ShapeList(const std::vector<const LongType*>& shapes) : shapes_(shapes) {}
int ShapeList::size() const {
    return static_cast<int>(shapes_.size());
}
const LongType* ShapeList::at(int index) {
    return shapes_[static_cast<std::size_t>(index)];
}

namespace graph {

std::vector<double>* ContextPrototype::getTArguments() {
    return &contextOf(*this).floats;
}
std::vector<int>* ContextPrototype::getIArguments() {
    return &contextOf(*this).integers;
}
unsigned long Context::width() {
    return contextOf(*this).inputs.size();
}
NDArray* Context::array(int index) {
    return contextOf(*this).inputs[static_cast<std::size_t>(index)];
}
std::vector<NDArray*>& Context::fastpath_out() {
    return contextOf(*this).outputs;
}
LaunchContext* Context::launchContext() {
    return &contextOf(*this).launch;
}

}  // namespace graph

namespace ops {

std::string* DeclarableOp::getOpName() {
    return &name_;
}
NDArray* DeclarableOp::getZ(graph::Context& context, int output) {
    return context.fastpath_out()[static_cast<std::size_t>(output)];
}
void DeclarableOp::registerTypes() {}
samediff::EmptyHandling DeclarableOp::emptyHandling() {
    return samediff::EMPTY_SKIP;
}
DeclarableOp::~DeclarableOp() = default;
Status DeclarableOp::validateDataTypes(graph::Context&) {
    return Status::OK;
}
Status DeclarableOp::execute(graph::Context* context) {
    return validateAndExecute(*context);
}
DeclarableCustomOp::DeclarableCustomOp(int, int, const char* name, bool, int, int) {
    *getOpName() = name;
}
OpRegistrator& OpRegistrator::getInstance() {
    static OpRegistrator instance;
    return instance;
}
bool OpRegistrator::registerOperation(DeclarableOp* op) {
    dcn4j::stand_in::registry()[*op->getOpName()] = op;
    return true;
}

}  // namespace ops
}  // namespace sd
